"""Contracts that any meta-learner and any update rule is held to, yours too."""

from .check_meta_learner import CheckError, check_meta_learner

__all__ = ["CheckError", "check_meta_learner"]

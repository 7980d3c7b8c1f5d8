"""Contracts that any meta-learner and any update rule is held to, yours too."""

from .check_meta_learner import check_meta_learner, meta_learner_checks
from .check_update_rule import check_update_rule, update_rule_checks
from .checks import Check, CheckError

__all__ = [
    "Check",
    "CheckError",
    "check_meta_learner",
    "check_update_rule",
    "meta_learner_checks",
    "update_rule_checks",
]

"""Checks for lesson 01, supervised training."""

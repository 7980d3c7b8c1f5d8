"""Checks for lesson 03, few-shot episodes."""

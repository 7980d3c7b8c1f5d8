"""Checks for lesson 02, many tasks."""

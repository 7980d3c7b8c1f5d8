"""Checks for lesson 04, learning to compare."""

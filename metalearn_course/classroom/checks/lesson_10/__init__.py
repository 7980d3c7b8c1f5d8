"""Checks for lesson 10, neighbors."""

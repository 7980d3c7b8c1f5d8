"""Checks for lesson 07, learning where to start."""

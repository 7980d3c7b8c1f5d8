"""Checks for lesson 08, learning how to step."""

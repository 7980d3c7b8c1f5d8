"""Checks for lesson 00: one exercise, to learn how exercises go."""

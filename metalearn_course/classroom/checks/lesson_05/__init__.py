"""Checks for lesson 05, learning to read the support set."""

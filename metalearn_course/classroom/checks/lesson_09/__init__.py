"""Checks for lesson 09, when you cannot backpropagate."""

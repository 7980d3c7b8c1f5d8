"""Checks for lesson 06, the learner and the meta-learner."""

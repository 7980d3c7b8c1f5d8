"""One file for each exercise, named after it: `lesson_04/prototypes.py` declares the check of `prototypes`; see kit.py.

What several checks of a lesson work with is in its `shared.py`.
"""

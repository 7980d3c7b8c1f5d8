"""One file of checks for each lesson: `lesson_02.py` registers the exercises of lesson 02.

    @exercise(lesson="02", title="...", minutes=8, difficulty=1, mistakes=("name",), hints=("?", "pointer", "`line`"))
    def expected_risk(answer): ...

The names below are all that such a file needs.
"""

from metalearn_course.classroom.exercise import exercise
from metalearn_course.classroom.guard import Answer
from metalearn_course.classroom.mistakes import Mistake, instead_of
from metalearn_course.classroom.values import expect_close, expect_kind, near, show

__all__ = ["Answer", "Mistake", "exercise", "expect_close", "expect_kind", "instead_of", "near", "show"]

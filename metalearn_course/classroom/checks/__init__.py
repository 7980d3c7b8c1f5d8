"""One file for each exercise, named after it: `lesson_02/expected_risk.py` registers the check of `expected_risk`.

    @exercise(lesson="02", number=2, title="...", minutes=8, difficulty=1, mistakes=(...), hints=("?", "", "``"))
    def expected_risk(answer): ...

What several checks of a lesson work with is in its `shared.py`. The names below are all that such files need.
"""

from metalearn_course.classroom.answer import Answer
from metalearn_course.classroom.exercise import exercise
from metalearn_course.classroom.flow import expect_gradients, expect_under_vmap, gradient_at, gradients_at
from metalearn_course.classroom.mistakes import Mistake, instead_of
from metalearn_course.classroom.values import expect_close, expect_kind, near, show

__all__ = [
    "Answer",
    "Mistake",
    "exercise",
    "expect_close",
    "expect_gradients",
    "expect_kind",
    "expect_under_vmap",
    "gradient_at",
    "gradients_at",
    "instead_of",
    "near",
    "show",
]

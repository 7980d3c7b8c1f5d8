"""What notebooks need beside the methods.

Exercises (`check`, `hint`, `solved_or_skip`, `progress`, `judge`, and `losses`, which exercise 1.3 gives), what
benchmarks measured (`results`), links from the end of a lesson (`where_next`), and `doctor`.

Names load on first use, so that the command line can reach the light parts of this package without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULE_OF = {
    "check": "metalearn_course.classroom.desk",
    "hint": "metalearn_course.classroom.desk",
    "judge": "metalearn_course.classroom.register",
    "losses": "metalearn_course.classroom.checks.lesson_01.train",
    "progress": "metalearn_course.classroom.standing",
    "results": "metalearn_course.classroom.measurements",
    "solved_or_skip": "metalearn_course.classroom.desk",
    "doctor": "metalearn_course.classroom.machine",
    "where_next": "metalearn_course.classroom.links",
}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

"""Every exercise of the course, and the one of a name."""

from __future__ import annotations

import difflib
import pkgutil
from importlib import import_module

from metalearn_course._common.environment import CourseError
from metalearn_course.classroom import checks
from metalearn_course.classroom.exercise import EXERCISES, Exercise


def all_exercises() -> dict[str, Exercise]:
    """Every registered exercise by name, in the order of the course."""
    for module in pkgutil.walk_packages(checks.__path__, f"{checks.__name__}."):
        import_module(module.name)
    return dict(sorted(EXERCISES.items(), key=lambda item: (item[1].lesson, item[1].number)))


def exercises_of(lesson: str) -> list[Exercise]:
    """The exercises of a lesson, given as two digits, in order."""
    return [one for one in all_exercises().values() if one.lesson == lesson]


def find(name: str) -> Exercise:
    """The exercise called `name`."""
    known = all_exercises()
    if name not in known:
        close = difflib.get_close_matches(name, known, 1)
        guess = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}."
        raise CourseError(f"No exercise is called {name!r}: {guess}")
    return known[name]

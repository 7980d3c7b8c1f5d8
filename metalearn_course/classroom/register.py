"""Every exercise of the course, and the one of a name. What is said of an exercise stands in texts/lesson_NN.toml.

Reading the register imports no torch, so that a hint comes at once.
"""

from __future__ import annotations

import difflib
import functools
import tomllib
from pathlib import Path
from typing import Any

from metalearn_course._common.environment import CourseError
from metalearn_course.classroom.exercise import Declared, Exercise, Texts, Verdict
from metalearn_course.classroom.mistakes import GENERIC, SECONDS

TEXTS = Path(__file__).parent / "texts"


@functools.cache
def all_exercises() -> dict[str, Exercise]:
    """Every exercise by name, in the order of the course: numbered as they come in the file of their lesson.

    `[shared]` there holds words that the exercises of a lesson have in common.
    """
    known: dict[str, Exercise] = {}
    for path in sorted(TEXTS.glob("lesson_*.toml")):
        lesson = path.stem.removeprefix("lesson_")
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        shared = tables.pop("shared", {})
        for number, (name, table) in enumerate(tables.items(), 1):
            if name in known:
                raise CourseError(
                    f"Two exercises are called {name!r}, in lessons {known[name].lesson} and {lesson}: rename one."
                )
            known[name] = _exercise(lesson, number, name, table, shared)
    return known


def _exercise(lesson: str, number: int, name: str, table: dict[str, Any], shared: dict[str, str]) -> Exercise:
    """`also` names mistakes whose text stands elsewhere: in `[shared]`, or where every check finds them.

    A general mistake may have texts of its own, as "wrong_value/lost"; it is no misconception for that.
    """
    texts = Texts(table["praise"], shared | table["mistakes"], shared | table.get("words", {}))
    named = [key.partition("/")[0] for key in table["mistakes"]] + table.get("also", [])
    return Exercise(
        name,
        lesson,
        number,
        table["title"],
        table["minutes"],
        table["difficulty"],
        table.get("stretch", False),
        tuple(dict.fromkeys(name for name in named if name not in GENERIC)),
        tuple(table["hints"]),
        table.get("seconds", SECONDS),
        Declared(lesson, name, texts),
    )


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


def judge(name: str, function: Any) -> Verdict:
    """Check any function by an exercise's check. Nothing is printed, and nothing is kept.

    Args:
        name: of the exercise.
        function: what is checked, in place of the learner's.

    Returns:
        The `Verdict`: its status, message, and the name of the mistake.

    Raises:
        CourseError: if there is no exercise of that name.
    """
    return find(name).judge(function)

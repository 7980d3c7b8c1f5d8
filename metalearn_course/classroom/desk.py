"""What a notebook calls: `check.NAME(NAME)`, `hint("NAME")`, `solved_or_skip(NAME)`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import MethodType
from typing import Any

from metalearn_course._common.console import say
from metalearn_course._common.environment import CourseError
from metalearn_course.classroom import records
from metalearn_course.classroom.exercise import Exercise, Verdict
from metalearn_course.classroom.register import all_exercises, find

_judged: dict[str, Any] = {}  # what each check was given last
_solved: dict[str, Any] = {}


class NotSolved(AssertionError):
    """A check under nbgrader that did not succeed: printing would earn full marks."""

    def _render_traceback_(self) -> list[str]:
        return [f"NotSolved: {self}"]


class Checks:
    """`check.NAME(function)` checks the exercise called NAME, prints what it found, and returns nothing."""

    def __getattr__(self, name: str) -> Callable[[Any], None]:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            found = find(name)
        except CourseError as error:
            raise AttributeError(str(error)) from None
        return lambda function: _check(found, function)

    def __dir__(self) -> list[str]:
        return list(all_exercises())


check = Checks()


def _check(found: Exercise, function: Any) -> None:
    verdict = found.judge(function)
    line = sentence(found, verdict)
    records.update(
        found.name,
        lambda record: {
            "lesson": found.lesson,
            "status": verdict.status,
            "solved": record.get("solved", False) or verdict.status == "solved",
        },
    )
    _report(check=found.name, lesson=found.lesson, status=verdict.status, mistake=verdict.mistake, line=line)
    _judged[found.name] = function
    _solved.pop(found.name, None)
    if verdict.status == "solved":
        _solved[found.name] = function
    elif os.environ.get("NBGRADER_EXECUTION"):
        raise NotSolved(line)
    say(line)


def sentence(found: Exercise, verdict: Verdict) -> str:
    """A verdict as a learner reads it."""
    if verdict.status == "solved":
        return f"✓ {found.name}: {verdict.message}"
    return f'{verdict.mark} {verdict.message} (`hint("{found.name}")` for more)'


def solved_or_skip(*functions: Any) -> bool:
    """Whether these very functions passed their checks; otherwise say kindly what is skipped.

    Use it around every cell that calls a learner's function: `if solved_or_skip(expected_risk):`.

    Args:
        functions: the functions themselves, as the cell is going to call them.
    """
    notebook = sys._getframe(1).f_globals
    called = [_name_of(function, notebook) for function in functions]
    for name, function in zip(called, functions, strict=True):
        if not any(_same(function, solved) for solved in _solved.values()):
            _report(use=name, ran=False)
            say(f"… skipped: this cell uses your `{name}`. Solve it, run its check, and come back.")
            return False
    _report(use=", ".join(called), ran=True)
    return True


def _same(one: Any, other: Any) -> bool:
    """The very same function; a bound method is made anew whenever one asks for it."""
    return one is other or (isinstance(one, MethodType) and isinstance(other, MethodType) and one == other)


def _name_of(function: Any, names: dict[str, Any]) -> str:
    """What a learner calls a function: the exercise it was checked as, its name in the notebook, or its own."""
    judged = (name for name, given in _judged.items() if _same(function, given))
    assigned = (name for name in all_exercises() if name in names and _same(function, names[name]))
    own = getattr(function, "__name__", "function")
    return next(judged, None) or (own if own in all_exercises() else next(assigned, own))


def hint(name: str, level: int | None = None) -> None:
    """Print the next hint for an exercise: a question, then a pointer, then nearly the line.

    Args:
        name: of the exercise.
        level: 1, 2 or 3, to see that hint again; the next one by default.
    """
    try:
        found = find(name)
    except CourseError as error:
        say(str(error))
        return
    last = len(found.hints)
    seen = max(0, min(records.load().get(found.name, {}).get("hints", 0), last))
    wanted = min(seen + 1, last) if level is None else level
    if wanted not in range(1, last + 1):
        say(f"There is no hint {wanted} for `{name}`: ask for 1 to {last}.")
        return
    records.update(found.name, lambda record: {"lesson": found.lesson, "hints": max(record.get("hints", 0), wanted)})
    more = "" if wanted < last else ", the last"
    say(f"Hint {wanted} of {last}{more}: {found.hints[wanted - 1]}")


def _report(**line: Any) -> None:
    """Append to the file that `metalearn check` and `validate` read, where they ask for one."""
    target = os.environ.get("METALEARN_CHECKS")
    if target:
        with Path(target).open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

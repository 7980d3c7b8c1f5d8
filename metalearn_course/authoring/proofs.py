"""Prove that the exercises of a lesson do what they promise: unsolved, solved, wrong and broken."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metalearn_course._common import notebooks
from metalearn_course._common.environment import repository
from metalearn_course._common.notebooks import Cell, Notebook, is_check, is_solution, source
from metalearn_course.authoring.breakages import breakages
from metalearn_course.authoring.running import Run, under_nbclient
from metalearn_course.classroom.exercise import Exercise
from metalearn_course.classroom.mistakes import GENERIC

LOOP_SECONDS = 0.3
AGAIN = "_again"
CODINGS = 2


@dataclass(frozen=True)
class WrittenAnswer:
    """One answer of tests/answers: `mistake` is the misconception it must be rejected as, None where it is right."""

    exercise: str
    mistake: str | None
    how: str
    function: Callable[..., Any]


def answers_of(lesson: str, root: Path | None = None) -> list[WrittenAnswer]:
    """The answers written for a lesson: `NAME__right__HOW` and `NAME__wrong__MISTAKE__HOW`."""
    path = (root or repository()) / "tests" / "answers" / f"lesson_{lesson}.py"
    if not path.exists():
        return []
    spec = importlib.util.spec_from_file_location(f"answers_{lesson}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = []
    for full, function in vars(module).items():
        name, *words = full.split("__")
        if name and words[:1] == ["right"] and len(words) == 2:
            found.append(WrittenAnswer(name, None, words[1], function))
        elif name and words[:1] == ["wrong"] and len(words) == 3:
            found.append(WrittenAnswer(name, words[1], words[2], function))
        elif name and words[:1] in (["right"], ["wrong"]):
            raise ValueError(f"{path.name}: {full}: expected NAME__right__HOW or NAME__wrong__MISTAKE__HOW.")
    return found


def named(answer: WrittenAnswer) -> Callable[..., Any]:
    """The answer's function under the exercise's name, as a learner would have it."""

    @functools.wraps(answer.function)
    def function(*args: Any, **kwargs: Any) -> Any:
        return answer.function(*args, **kwargs)

    function.__name__ = answer.exercise
    return function


def register_problems(found: Exercise, answers: list[WrittenAnswer]) -> list[str]:
    """What an exercise lacks: hints, names, two codings of each."""
    wrong = []
    first, _, last = (*found.hints, "", "", "")[:3]
    if len(found.hints) != 3 or len(set(found.hints)) != 3 or "?" not in first or "`" not in last:
        wrong.append("needs three hints: a question, a pointer, and nearly the line in `code`")
    if len(found.mistakes) < CODINGS:
        wrong.append(f"names {len(found.mistakes)} misconceptions; at least {CODINGS}")
    right = [answer for answer in answers if answer.mistake is None]
    if len(right) < CODINGS:
        wrong.append(f"has {len(right)} right answers in tests/answers; at least {CODINGS}, written differently")
    for mistake in found.mistakes:
        codings = [answer.how for answer in answers if answer.mistake == mistake]
        if len(codings) < CODINGS:
            wrong.append(f"has {len(codings)} codings of {mistake} in tests/answers; at least {CODINGS}")
    return [f"{found.name} {text}." for text in wrong]


def answer_problem(found: Exercise, answer: WrittenAnswer) -> str | None:
    """Whether one written answer gets the verdict that its name asks for."""
    verdict = found.judge(named(answer))
    label = f"{found.name}, {answer.mistake or 'right'} ({answer.how})"
    if answer.mistake is None:
        return None if verdict.status == "solved" else f"{label}: rejected as {verdict.mistake}: {verdict.message}"
    if verdict.status == "solved":
        return f"{label}: accepted."
    if answer.mistake not in found.mistakes and answer.mistake not in GENERIC:
        return f"{label}: {answer.mistake} is not among the exercise's mistakes ({', '.join(found.mistakes)})."
    if verdict.mistake != answer.mistake:
        return f"{label}: rejected as {verdict.mistake}: {verdict.message}"
    return None


def breakage_problems(found: Exercise, right: WrittenAnswer) -> list[str]:
    """Break a right answer in every general way; each must be reported as what it is."""
    wrong = []
    for breakage in breakages(right.function):
        verdict = found.judge(breakage.function(found.name), LOOP_SECONDS if breakage.expected == "timeout" else None)
        if breakage.applied and verdict.seen_as != breakage.expected:
            meaning = GENERIC[breakage.expected]
            wrong.append(f"{found.name}: an answer that {meaning} gives {verdict.mistake}: {verdict.message}")
    return wrong


def exercise_problems(found: Exercise, answers: list[WrittenAnswer]) -> list[str]:
    """All that must hold of one exercise without a notebook."""
    mine = [answer for answer in answers if answer.exercise == found.name]
    wrong = register_problems(found, mine)
    right = [answer for answer in mine if answer.mistake is None]
    with contextlib.redirect_stdout(io.StringIO()):  # some wrong answers print instead of returning
        wrong += [problem for answer in mine if (problem := answer_problem(found, answer))]
        wrong += breakage_problems(found, right[0]) if right else []
    return wrong


def page_problems(path: Path, register: list[Exercise]) -> list[str]:
    """How a solution notebook and the register differ: exercises, their order, their headings."""
    cells = notebooks.read(path)["cells"]
    here = f"{path.parent.name}/{path.name}"
    names = [cell["id"] for cell in cells if is_solution(cell)]
    known = {found.name: found for found in register}
    wrong = [f"{here} has {name!r}, which no check is registered for." for name in names if name not in known]
    wrong += [f"{here} lacks {name!r}, which has a check." for name in known if name not in names]
    texts = [source(cell) for cell in cells if cell["cell_type"] == "markdown"]
    for number, name in enumerate(names, 1):
        if name in known and known[name].number != number:
            wrong.append(f"{here}: {name!r} is exercise {number} here, and number {known[name].number} by its check.")
        elif name in known and not any(text.startswith(known[name].heading) for text in texts):
            wrong.append(f"{here}: no markdown cell begins with {known[name].heading!r}.")
    return wrong


def unsolved_problems(path: Path, register: list[Exercise]) -> list[str]:
    """Run an exercise notebook as shipped, once: under nbgrader no marks for a stub, and without it kind everywhere.

    Whether nbgrader runs it makes a difference to checks only. So the notebook runs under nbgrader, and behind it its
    checks run once more without.
    """
    notebook = notebooks.read(path)
    checks = {cell["id"] for cell in notebook["cells"] if is_check(cell)}
    run = under_nbclient(path, checked_again(notebook), NBGRADER_EXECUTION="validate")
    failing = {error.partition("(")[2].partition(")")[0]: error for error in run.errors}
    wrong = [f"unsolved: {error}" for name, error in failing.items() if name not in checks]
    wrong += _status_problems(run, register, "not_yet", "unsolved")
    wrong += [
        f"under nbgrader: an unsolved {name} raises nothing: full marks." for name in sorted(checks - set(failing))
    ]
    others = sorted(set(failing) - checks - {f"{name}{AGAIN}" for name in checks})
    return wrong + [f"under nbgrader: {name} fails, and it is no check." for name in others]


def checked_again(notebook: Notebook) -> Notebook:
    """The notebook, and behind it all its checks once more, without nbgrader."""
    checks = [cell | {"id": f"{cell['id']}{AGAIN}"} for cell in notebook["cells"] if is_check(cell)]
    leave: Cell = {
        "cell_type": "code",
        "id": "leave_nbgrader",
        "metadata": {},
        "source": "import os\nos.environ.pop('NBGRADER_EXECUTION', None)",
        "execution_count": None,
        "outputs": [],
    }
    return notebook | {"cells": [*notebook["cells"], leave, *checks]}


def solved_problems(run: Run, register: list[Exercise]) -> list[str]:
    """What the run of a solution notebook showed: all solved, and every guarded cell did run."""
    skipped = [line["use"] for line in run.checks if line.get("ran") is False]
    wrong = [f"solved: a cell that uses {name} was skipped; is its check further down?" for name in skipped]
    return run.errors + _status_problems(run, register, "solved", "solved") + wrong


def _status_problems(run: Run, register: list[Exercise], status: str, when: str) -> list[str]:
    lines = [line for line in run.checks if "check" in line]
    checked = {line["check"] for line in lines}
    wrong = [f"{when}: {found.name} is never checked." for found in register if found.name not in checked]
    return wrong + [
        f"{when}: {line['check']} is {line['status']}, expected {status}: {line['line']}"
        for line in lines
        if line["status"] != status
    ]

"""What `metalearn check` does: run the learner's own notebooks and say which exercises are solved."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metalearn_course._common.environment import CourseError, home, repository
from metalearn_course._common.notebooks import Cell, Notebook, read, source
from metalearn_course.classroom.exercise import Exercise
from metalearn_course.classroom.register import all_exercises, exercises_of
from metalearn_course.cli.own_kernel import Limits, Ran, run_cells


@dataclass
class Row:
    """One exercise in a learner's notebook, and what its check said there; or, without an exercise, the file itself.

    file: its name, where another one of the lesson came first.
    """

    lesson: str
    name: str
    status: str
    line: str
    file: str | None = None
    is_exercise: bool = True


@dataclass
class Own:
    """A file of the learner's folder: the exercises that belong to it, or why it is no notebook."""

    path: Path
    lessons: list[str]
    cells: dict[int, Cell]  # of code
    broken: str | None = None


def check_notebooks(lesson: str | None, limits: Limits | None = None) -> Iterator[Row]:
    """Run the notebooks of the learner's folder, of one lesson or of all, cell after cell whatever fails.

    Every file has a row at least, and nothing that one does is felt by another. The rows of a notebook come as soon as
    it has run. Copies and renamed notebooks count to the lesson whose checks they call.
    """
    folder = home()
    found = [opened(path) for path in sorted(folder.glob("*.ipynb")) if not path.name.startswith(".")]
    mine = [one for one in found if lesson is None or lesson in one.lessons]
    if not mine:
        which = f"lesson {lesson}" if lesson else "any lesson"
        raise CourseError(f"{folder} has no exercises of {which}: run `metalearn start` to get them.")
    return _rows(sorted(mine, key=_order), limits)


def opened(path: Path) -> Own:
    """A file of the learner's folder, as far as it can be read."""
    digits = re.match(r"(\d\d)(?!\d)", path.name)
    named = [digits[1]] if digits and exercises_of(digits[1]) else []
    try:
        notebook = read(path)
    except CourseError as error:
        return Own(path, named, {}, str(error).removeprefix(f"{path.name} ").partition(": restore")[0])
    except OSError as error:
        return Own(path, named, {}, f"cannot be read ({error.strerror})")
    cells = _code(notebook)
    if cells is None:
        return Own(path, named, {}, "is not a notebook (it has no list of cells)")
    called = {name for cell in cells.values() for name in re.findall(r"\bcheck\.(\w+)\(", source(cell))}
    lessons = {one.lesson for name, one in all_exercises().items() if name in called}
    return Own(path, sorted(lessons) or named, cells)


def _code(notebook: Notebook | Any) -> dict[int, Cell] | None:
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        return None
    return {index: cell for index, cell in enumerate(cells) if cell.get("cell_type") == "code" and "source" in cell}


def _order(one: Own) -> tuple[str, bool, str]:
    """By lesson, and in a lesson those first that are called as the course calls them."""
    try:
        shipped = {path.name for path in (repository() / "exercises").glob("*.ipynb")}
    except CourseError:
        shipped = set()
    return (*one.lessons, "~")[0], one.path.name not in shipped, one.path.name


def _rows(notebooks: list[Own], limits: Limits | None) -> Iterator[Row]:
    seen: set[str] = set()
    for one in notebooks:
        number = (*one.lessons, "--")[0]
        if one.broken is not None:
            line = f"{one.broken}. Move it away: `metalearn start` gives you a new one"
            yield Row(number, one.path.name, "wrong", line, is_exercise=False)
            continue
        if not one.lessons:
            yield Row(number, one.path.name, "not_yet", "calls no check of this course: not run", is_exercise=False)
            continue
        file = one.path.name if seen & set(one.lessons) else None
        seen |= set(one.lessons)
        try:
            yield from _check_one(one, file, limits)
        except Exception as error:  # whatever is wrong with this file, the next one is looked at
            text = f"could not be run ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
            yield Row(number, one.path.name, "wrong", text, is_exercise=False)


def _check_one(one: Own, file: str | None, limits: Limits | None) -> Iterator[Row]:
    ran = run_cells(one.path.parent, {index: source(cell) for index, cell in one.cells.items()}, limits)
    told: set[int] = set()
    for lesson in one.lessons:
        for found in exercises_of(lesson):
            line = ran.checks.get(found.name)
            if line is None:
                said, cells = _cause(found, one.cells, ran)
                told |= cells
                yield Row(lesson, found.name, "not_yet", said, file)
            else:
                yield Row(lesson, found.name, line["status"], line["line"], file)
    untold = [index for index in ran.troubles if index not in told]
    if untold:
        severe = any(index in ran.stopped or index in ran.ended for index in untold)
        said = "; ".join(f"{_place(index, one.cells)} {ran.troubles[index]}" for index in untold[:3])
        more = f"; and {len(untold) - 3} more" if len(untold) > 3 else ""
        yield Row(one.lessons[0], one.path.name, "wrong" if severe else "not_yet", said + more, is_exercise=False)


def _place(index: int, cells: dict[int, Cell]) -> str:
    name = cells[index].get("id")
    return f"cell {index + 1} ({name})" if name else f"cell {index + 1}"


def _cause(found: Exercise, cells: dict[int, Cell], ran: Ran) -> tuple[str, set[int]]:
    """Why the check of an exercise did not speak, and the cells that are named for it."""
    checks = [index for index, cell in cells.items() if re.search(rf"\bcheck\.{found.name}\(", source(cell))]
    if not checks:
        return f"its check did not run: no cell calls `check.{found.name}({found.name})`", set()
    written = rf"^\s*(async\s+)?(def\s+{found.name}\b|{found.name}\s*=)"
    answers = [index for index, cell in cells.items() if re.search(written, source(cell), re.MULTILINE)]
    troubles = ran.troubles
    first = next(iter(troubles), None)
    chosen = [index for index in [*checks, *answers] if index in ran.stopped or index in ran.ended]
    chosen = chosen or [index for index in [*answers, *checks] if index in troubles]
    if not chosen and first is None:
        return "its check did not run", set()
    cell = chosen[0] if chosen else max(ran.ended, default=first)
    assert cell is not None and first is not None
    said = f"its check did not run: {_place(cell, cells)} {troubles[cell]}"
    if first < cell and cell not in answers and first not in ran.stopped:
        return f"{said}. Before that, {_place(first, cells)} {troubles[first]}", {first, cell}
    return said, {cell}

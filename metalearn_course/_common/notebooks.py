"""Notebooks as plain dictionaries, with one way to write them as bytes."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from metalearn_course._common.environment import CourseError, repository

Notebook = dict[str, Any]
Cell = dict[str, Any]

BUDGET_SECONDS = 90.0


def read(path: Path) -> Notebook:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise CourseError(f"{path.name} is not a notebook ({error}): restore it from git.") from None


def to_bytes(notebook: Notebook) -> bytes:
    """The same bytes on every system: sorted keys, one space, UTF-8, LF, a newline at the end."""
    return (json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")


def source(cell: Cell) -> str:
    text = cell["source"]
    return text if isinstance(text, str) else "".join(text)


def tags(cell: Cell) -> list[str]:
    return cell["metadata"].get("tags", [])


def lesson_of(path: Path) -> str:
    """The two digits that a notebook's name begins with."""
    return path.name[:2]


def find_notebooks(folder: str, lesson: str | None = None, root: Path | None = None) -> list[Path]:
    """The numbered notebooks of a folder of the clone, in order; those of one lesson if it is named."""
    found = sorted(((root or repository()) / folder).glob("[0-9][0-9]_*.ipynb"))
    return [path for path in found if lesson is None or lesson_of(path) == lesson]


def two_digits(lesson: str | None) -> str | None:
    """A lesson as it was typed (`2`, `02`, `02_many_tasks`) in the form that files use."""
    if lesson is None:
        return None
    digits = lesson.partition("_")[0]
    if not digits.isdigit() or int(digits) > 99:
        raise CourseError(f"{lesson!r} is no lesson: give its number, as in `02`.")
    return f"{int(digits):02d}"


def budget(notebook: Notebook) -> float:
    return float(notebook["metadata"].get("metalearn", {}).get("budget_seconds", BUDGET_SECONDS))


def grade_id(cell: Cell) -> str | None:
    return cell["metadata"].get("nbgrader", {}).get("grade_id")


def is_solution(cell: Cell) -> bool:
    return bool(cell["metadata"].get("nbgrader", {}).get("solution"))


def is_check(cell: Cell) -> bool:
    return bool(cell["metadata"].get("nbgrader", {}).get("grade"))


def place(path: Path, index: int, cell: Cell) -> str:
    return f"{path.parent.name}/{path.name}, cell {index} ({cell.get('id', 'no id')})"


def parse(cell: Cell) -> ast.Module | None:
    """A code cell's syntax tree, magics and shell lines left out; None where it is not Python."""
    text = source(cell)
    if text.lstrip().startswith("%%"):
        return None
    lines = ["" if line.lstrip().startswith(("%", "!")) else line for line in text.splitlines()]
    try:
        return ast.parse("\n".join(lines))
    except SyntaxError:
        return None

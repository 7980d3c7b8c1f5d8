"""Take out of notebooks what editors leave in them, and give new cells a name."""

from __future__ import annotations

import re
from pathlib import Path

from metalearn_course._common import notebooks
from metalearn_course._common.environment import CourseError
from metalearn_course._common.files import cannot_write, write_aside
from metalearn_course._common.notebooks import Cell, find_notebooks, grade_id, source
from metalearn_course.authoring.build import KERNEL

KEPT = {"notebooks": ("tags",), "solutions": ("nbgrader", "tags")}  # metadata of a cell, by folder
WORDS = 5
_RANDOM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8}")  # as JupyterLab and nbformat draw ids


def tidy(lesson: str | None = None, root: Path | None = None) -> list[str]:
    """Tidy a lesson and its solution, or all of them; returns a line for each notebook that changed.

    Metadata is reduced to what the course reads, a solution's outputs are cleared, and cells without an id, or with a
    random one, are named: those of an exercise as nbgrader's `grade_id` says, others after their first words.
    """
    paths = [path for folder in KEPT for path in find_notebooks(folder, lesson, root)]
    if not paths:
        raise CourseError(f"There is no lesson {lesson!r} in notebooks/ or solutions/; give its number, as in 02.")
    return [f"{path.parent.name}/{path.name} is tidy now" for path in paths if _tidy_one(path)]


def _tidy_one(path: Path) -> bool:
    notebook = notebooks.read(path)
    about = {name: value for name, value in notebook["metadata"].items() if name == "metalearn"}
    notebook |= {"metadata": KERNEL | about, "nbformat": 4, "nbformat_minor": 5}
    taken = {cell["id"] for cell in notebook["cells"] if not _nameless(cell)}
    for cell in notebook["cells"]:
        kept = KEPT[path.parent.name]
        cell["metadata"] = {name: value for name, value in cell["metadata"].items() if name in kept and value}
        if path.parent.name == "solutions" and cell["cell_type"] == "code":
            cell |= {"execution_count": None, "outputs": []}
        if _nameless(cell):
            cell["id"] = _name(cell, taken)
            taken.add(cell["id"])
    content, before = notebooks.to_bytes(notebook), path.read_bytes()
    if content != before:
        try:
            write_aside(path, content)
        except OSError as error:
            raise CourseError(cannot_write(path, error, "make it writable and tidy again")) from None
    return content != before


def _nameless(cell: Cell) -> bool:
    return _RANDOM.fullmatch(cell.get("id", "")) is not None or not cell.get("id")


def _name(cell: Cell, taken: set[str]) -> str:
    words = re.findall(r"[a-z0-9]+", source(cell).lower())[:WORDS]
    name = grade_id(cell) or "-".join(words)[:60] or cell["cell_type"]
    number = 1
    while (name if number == 1 else f"{name}-{number}") in taken:
        number += 1
    return name if number == 1 else f"{name}-{number}"

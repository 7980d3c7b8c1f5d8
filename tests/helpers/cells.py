"""Small notebooks for tests, in the form that solutions/ has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metalearn_course._common.notebooks import Cell, Notebook, to_bytes
from metalearn_course.authoring.build import CHECK, KERNEL, SOLUTION


def markdown(name: str, text: str, *tags: str) -> Cell:
    return {"cell_type": "markdown", "id": name, "metadata": {"tags": list(tags)} if tags else {}, "source": text}


def code(name: str, text: str, *tags: str, count: int | None = None, outputs: list[Any] | None = None) -> Cell:
    cell = markdown(name, text, *tags) | {"cell_type": "code"}
    return cell | {"execution_count": count, "outputs": outputs or []}


def solution(name: str, text: str) -> Cell:
    return code(name, text) | {"metadata": {"nbgrader": SOLUTION | {"grade_id": name}}}


def check(name: str) -> Cell:
    cell = code(f"check_{name}", f"check.{name}({name})")
    return cell | {"metadata": {"nbgrader": CHECK | {"grade_id": f"check_{name}"}}}


def notebook(*cells: Cell, **about: Any) -> Notebook:
    metadata = KERNEL | ({"metalearn": about} if about else {})
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def write(path: Path, *cells: Cell, **about: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_bytes(notebook(*cells, **about)))
    return path

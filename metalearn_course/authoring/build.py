"""Make exercises/ from solutions/: the same notebooks with the answers taken out, byte for byte the same everywhere."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from metalearn_course._common import notebooks
from metalearn_course._common.environment import CourseError, repository
from metalearn_course._common.files import cannot_write, write_aside
from metalearn_course._common.notebooks import Cell, Notebook, is_check, is_solution, place, source

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = ("# YOUR CODE HERE", "raise NotImplementedError")
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
SOLUTION = {"grade": False, "locked": False, "schema_version": 3, "solution": True, "task": False}
CHECK = {"grade": True, "locked": True, "points": 1, "schema_version": 3, "solution": False, "task": False}


def build(root: Path | None = None) -> list[str]:
    """Write every exercise notebook that is not as it should be; returns a line for each. Nothing is ever deleted."""
    root = root or repository()
    wanted = built(root)
    if wrong := without_solution(root):
        raise CourseError("\n".join(wrong))
    changed = differences(root, wanted)
    for name, content in wanted.items():
        path = root / "exercises" / name
        if not path.exists() or path.read_bytes() != content:
            try:
                write_aside(path, content)
            except OSError as error:
                raise CourseError(cannot_write(path, error, "make it writable and build again")) from None
    return changed


def differences(root: Path | None = None, wanted: dict[str, bytes] | None = None) -> list[str]:
    """What building would change in exercises/, a line for each file. No other folder is looked at."""
    root = root or repository()
    wanted = built(root) if wanted is None else wanted
    lines = []
    for name in sorted(wanted):
        path = root / "exercises" / name
        if not path.exists():
            lines.append(f"exercises/{name} is missing")
        elif path.read_bytes() != wanted[name]:
            lines.append(f"exercises/{name} differs from what solutions/{name} makes")
    return lines


def without_solution(root: Path | None = None) -> list[str]:
    """Exercises whose source is gone, a line for each, with what to do that loses nothing."""
    root = root or repository()
    solutions = {path.name for path in (root / "solutions").glob("*.ipynb")}
    return [
        f"exercises/{path.name} has no solutions/{path.name}: `git restore solutions/{path.name}` brings it back "
        f"(`git status` shows what else is gone); if the exercise is to go, delete it by hand, for building never does."
        for path in sorted((root / "exercises").glob("*.ipynb"))
        if path.name not in solutions
    ]


def built(root: Path) -> dict[str, bytes]:
    """The exercise notebooks that follow from solutions/, by name. Raises a CourseError that lists every problem."""
    paths = sorted((root / "solutions").glob("*.ipynb"))
    wrong = [problem for path in paths for problem in problems(path, notebooks.read(path))]
    if wrong:
        raise CourseError("\n".join(wrong))
    return {path.name: notebooks.to_bytes(without_answers(notebooks.read(path))) for path in paths}


def without_answers(notebook: Notebook) -> Notebook:
    """An exercise notebook: stubs for answers, no outputs, nothing that changes for no reason."""
    about = {name: value for name, value in notebook["metadata"].items() if name == "metalearn"}
    cells = [_exercise_cell(cell) for cell in notebook["cells"]]
    return {"cells": cells, "metadata": KERNEL | about, "nbformat": 4, "nbformat_minor": 5}


def _exercise_cell(cell: Cell) -> Cell:
    kept = {name: cell["metadata"][name] for name in ("nbgrader", "tags") if name in cell["metadata"]}
    text = stub(source(cell)) if is_solution(cell) else source(cell)
    new: Cell = {"cell_type": cell["cell_type"], "id": cell["id"], "metadata": kept}
    new["source"] = text.splitlines(keepends=True)
    if cell["cell_type"] == "code":
        new |= {"execution_count": None, "outputs": []}
    if "attachments" in cell:
        new["attachments"] = cell["attachments"]
    return new


def stub(text: str) -> str:
    """A solution cell's source with every marked region replaced by the stub, at the region's indentation."""
    lines, inside = [], False
    for line in text.splitlines():
        if line.strip() == BEGIN:
            inside = True
            indent = line[: len(line) - len(line.lstrip())]
            lines += [indent + part for part in STUB]
        elif line.strip() == END:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def problems(path: Path, notebook: Notebook) -> list[str]:
    """What is wrong with a solution notebook, a line for each."""
    cells = notebook["cells"]
    wrong = []
    for label, values in (
        ("id", [cell.get("id") for cell in cells]),
        ("grade_id", [grade for cell in cells if (grade := notebooks.grade_id(cell))]),
    ):
        wrong += [
            f"{path.parent.name}/{path.name}: {label} {value!r} appears {count} times; give each cell its own."
            for value, count in Counter(values).items()
            if count > 1
        ]
    names = [cell["id"] for cell in cells if is_solution(cell) and "id" in cell]
    for index, cell in enumerate(cells):
        here = place(path, index, cell)
        wrong += [f"{here}: {text}" for text in _cell_problems(cell, names)]
    checked = [cell["id"] for cell in cells if is_check(cell) and "id" in cell]
    wrong += [
        f"{path.parent.name}/{path.name}: {name!r} has no check cell `check.{name}({name})` with the id check_{name}."
        for name in names
        if f"check_{name}" not in checked
    ]
    return wrong


def _cell_problems(cell: Cell, names: list[str]) -> Iterator[str]:
    if "id" not in cell:
        yield "it has no id; use nbformat 4.5 and give it a name."
        return
    text = source(cell)
    if cell["cell_type"] == "code" and (text.count(BEGIN) or text.count(END) or is_solution(cell)):
        yield from _mark_problems(text)
        if cell["metadata"].get("nbgrader") != SOLUTION | {"grade_id": cell["id"]}:
            yield f"a solution cell needs nbgrader metadata {SOLUTION | {'grade_id': cell['id']}}."
    if is_check(cell):
        name = cell["id"].removeprefix("check_")
        if text.strip() != f"check.{name}({name})" or name not in names:
            yield f"a check cell is the one line `check.NAME(NAME)` of its id check_NAME, found {text!r:.80}."
        if cell["metadata"]["nbgrader"] != CHECK | {"grade_id": cell["id"]}:
            yield f"a check cell needs nbgrader metadata {CHECK | {'grade_id': cell['id']}}."
    elif cell["cell_type"] == "code":
        tree = notebooks.parse(cell)
        if tree is None:
            yield "its code cannot be parsed."
        else:
            yield from (_unguarded(name) for name in sorted(unguarded_uses(tree, set(names), is_solution(cell))))


def _mark_problems(text: str) -> Iterator[str]:
    marks = [line.strip() for line in text.splitlines() if line.strip() in (BEGIN, END)]
    if not marks:
        yield f"a solution cell without `{BEGIN}` and `{END}`: the answer would be given away."
    elif marks != [BEGIN, END] * (len(marks) // 2):
        yield f"`{BEGIN}` and `{END}` do not pair up, found {' '.join(mark.split()[1] for mark in marks)}."
    elif text.count(BEGIN) + text.count(END) != len(marks):
        yield f"`{BEGIN}` and `{END}` each stand alone on a line."


def _unguarded(name: str) -> str:
    return f"it uses the learner's `{name}`; put that under `if solved_or_skip({name}):`."


def unguarded_uses(tree: ast.Module, names: set[str], in_solution: bool) -> set[str]:
    """The learner's functions that a cell uses although they may be stubs.

    Inside a function of a solution cell anything may be used: it runs when a check calls it.
    """
    found: set[str] = set()

    def visit(node: ast.AST, allowed: set[str]) -> None:
        child: ast.AST
        if isinstance(node, ast.If):
            guarded = _guarded(node.test)
            for child in node.body:
                visit(child, allowed | guarded)
            for child in [node.test, *node.orelse]:
                visit(child, allowed)
        elif _is_guard(node) or (in_solution and isinstance(node, ast.FunctionDef | ast.Lambda)):
            return
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.update({node.id} & names - allowed)
        else:
            for child in ast.iter_child_nodes(node):
                visit(child, allowed)

    visit(tree, set())
    return found


def _is_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "solved_or_skip"


def _guarded(test: ast.expr) -> set[str]:
    """The functions known to be solved where `test` holds."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return set().union(*map(_guarded, test.values))
    if _is_guard(test):
        return {argument.id for argument in test.args if isinstance(argument, ast.Name)}  # type: ignore[attr-defined]
    return set()

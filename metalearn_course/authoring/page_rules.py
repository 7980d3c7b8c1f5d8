"""What can be seen in a stored lesson without running it, and what nbval would let pass."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from metalearn_course._common import notebooks
from metalearn_course._common.notebooks import Cell, Notebook, place, source, tags
from metalearn_course.authoring.build import KERNEL
from metalearn_course.authoring.tidy import KEPT

LINES = 20
PRINTING = {"print", "claim", "display", "hint", "progress", "doctor", "where_next"}
COMPARED, RAISES = "nbval-check-output", "raises-exception"
_CLEAN = "`metalearn dev tidy LESSON` puts it in order."
WIDGET = "application/vnd.jupyter.widget-view+json"


def lesson_problems(path: Path) -> list[str]:
    """What is wrong with a stored lesson, a line for each."""
    notebook = notebooks.read(path)
    wrong = list(_notebook_problems(path, notebook)) + metadata_problems(path) + code_problems(path)
    code_cells = [(index, cell) for index, cell in enumerate(notebook["cells"]) if cell["cell_type"] == "code"]
    if len(code_cells) > 1 and all(cell["execution_count"] is None for _, cell in code_cells):
        return [*wrong, f"{path.parent.name}/{path.name} is stored without having run; run it and save it."]
    for index, cell in code_cells:
        wrong += [f"{place(path, index, cell)}: {text}" for text in _stored_problems(cell)]
    return wrong


def solution_problems(path: Path) -> list[str]:
    """What is wrong with a stored solution, which keeps nbgrader's marks and no outputs."""
    wrong = metadata_problems(path) + code_problems(path)
    for index, cell in enumerate(notebooks.read(path)["cells"]):
        if cell.get("outputs"):
            wrong.append(f"{place(path, index, cell)}: stored outputs, which no one is shown. {_CLEAN}")
    return wrong


def metadata_problems(path: Path) -> list[str]:
    """What an editor left in a notebook that changes for no reason: timings, a kernel's name, folded cells."""
    notebook = notebooks.read(path)
    here = f"{path.parent.name}/{path.name}"
    wrong = []
    for name in sorted({*KERNEL, *notebook["metadata"]} - {"metalearn", "widgets"}):
        if notebook["metadata"].get(name) != KERNEL.get(name):
            wrong.append(f"{here}: its metadata {name!r} is not the course's, {KERNEL.get(name, 'none')}. {_CLEAN}")
    for index, cell in enumerate(notebook["cells"]):
        if extra := sorted(cell["metadata"].keys() - {*KEPT[path.parent.name]}):
            wrong.append(f"{place(path, index, cell)}: metadata {', '.join(extra)} says nothing to a reader. {_CLEAN}")
    return wrong


def code_problems(path: Path) -> list[str]:
    """What is wrong with the code of any notebook, stored outputs aside."""
    wrong = []
    for index, cell in enumerate(notebooks.read(path)["cells"]):
        if cell["cell_type"] == "code":
            wrong += [f"{place(path, index, cell)}: {text}" for text in _code_problems(cell)]
    return wrong


def _notebook_problems(path: Path, notebook: Notebook) -> Iterator[str]:
    here = f"{path.parent.name}/{path.name}"
    if "widgets" in notebook["metadata"]:
        yield f"{here} stores widget state; clear it."
    ids = [cell.get("id") for cell in notebook["cells"]]
    for name in sorted({str(name) for name in ids if ids.count(name) > 1}):
        yield f"{here}: id {name!r} appears {ids.count(name)} times; give each cell its own."


def _code_problems(cell: Cell) -> Iterator[str]:
    text = source(cell)
    if RAISES in tags(cell):
        yield f"the tag {RAISES} passes even where nothing is raised; catch the error and print it."
    if len(text.splitlines()) > LINES:
        yield f"{len(text.splitlines())} lines; at most {LINES}. Divide it, or move a part into the package."
    for magic in unknown_magics(text):
        yield f"{magic} is no magic that IPython knows; the rest of its cell would never run."
    if notebooks.parse(cell) is None and not text.lstrip().startswith("%%"):
        yield "its code cannot be parsed."


def _stored_problems(cell: Cell) -> Iterator[str]:
    outputs = cell["outputs"]
    if source(cell).strip() and cell["execution_count"] is None:
        yield "stored without an execution count; run the notebook and save it."
    if not outputs and COMPARED in tags(cell):
        yield f"tagged {COMPARED} and stored without output: nothing would be compared."
    elif not outputs and prints(cell):
        yield "it prints, and no output is stored; run the notebook and save it."
    for output in outputs:
        if output["output_type"] == "error":
            yield f"a stored error, {output.get('ename')}."
        elif output["output_type"] == "stream" and output["name"] == "stderr":
            yield f"stored stderr, {_joined(output['text']).strip()[:60]!r}."
        elif WIDGET in output.get("data", {}):
            yield "a stored widget view, which is empty where no kernel runs; show a still picture as well."
        for picture in pictures_without_alt(output):
            yield f"a stored {picture} has no alt text; draw it with metalearn_course.figures."


def prints(cell: Cell) -> bool:
    """Whether a cell surely has an output: it calls something that prints, or ends in a value."""
    tree = notebooks.parse(cell)
    if tree is None or not tree.body:
        return False
    called = {node.func.id for node in _run_at_once(tree) if _is_plain_call(node)}
    last = tree.body[-1]
    silent = source(cell).rstrip().endswith(";")
    shows = isinstance(last, ast.Expr) and not isinstance(last.value, ast.Call | ast.Constant | ast.Await)
    return bool(called & PRINTING) or ((shows or _is_picture(last)) and not silent)


def _is_picture(last: ast.AST) -> bool:
    """`figures.NAME(...)` or `widgets.NAME(...)` as the last expression of a cell."""
    function = last.value.func if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call) else None
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id in ("figures", "widgets")
    )


def _is_plain_call(node: ast.AST) -> Any:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def _run_at_once(tree: ast.AST) -> Iterator[Any]:
    """The nodes that surely run with the cell: no functions, and no branch of an `if`."""
    for child in ast.iter_child_nodes(tree):
        if not isinstance(child, ast.FunctionDef | ast.ClassDef | ast.Lambda | ast.If | ast.AsyncFunctionDef):
            yield child
            yield from _run_at_once(child)


def pictures_without_alt(output: dict[str, Any]) -> list[str]:
    """The kinds of picture in a stored output that a screen reader could say nothing about."""
    data, about = output.get("data", {}), output.get("metadata", {})
    without = []
    for kind in ("image/png", "image/jpeg", "image/svg+xml"):
        if kind in data and not (about.get(kind, {}).get("alt") or about.get("alt") or "<title" in _joined(data[kind])):
            without.append(kind)
    images = re.findall(r"<img\b[^>]*>", _joined(data.get("text/html", "")))
    if any(not re.search(r"""\balt\s*=\s*["'][^"']+""", image) for image in images):
        without.append("img")
    return without


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def unknown_magics(text: str) -> list[str]:
    """The magics of a cell that IPython would not find."""
    found = re.findall(r"^\s*(?:[\w, ]+=\s*)?(%%?)(\w+)", text, re.MULTILINE)
    loaded = {"autoreload"} if "%load_ext autoreload" in text else set()
    return [
        sign + name for sign, name in found if name not in known_magics()["cell" if sign == "%%" else "line"] | loaded
    ]


@functools.cache
def known_magics() -> dict[str, frozenset[str]]:
    """IPython's own magics, read from its classes without starting a shell."""
    from IPython.core import magics
    from IPython.core.magic import Magics

    members = [getattr(magics, name) for name in dir(magics)]
    classes = [member for member in members if isinstance(member, type) and issubclass(member, Magics)]
    return {
        kind: frozenset(name for one in classes for name in getattr(one, "magics", {}).get(kind, {}))
        for kind in ("line", "cell")
    }

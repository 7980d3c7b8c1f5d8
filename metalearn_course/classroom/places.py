"""Which code is the learner's: cells, the files of a function, and the place of an error in them."""

from __future__ import annotations

import inspect
import linecache
import site
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

_CELL_BEGINS = ("<ipython", "<string", "<stdin", "vscode-notebook-cell:")
_CELL_HOLDS = ("ipykernel_", "ipython-input-", "xpython_", "__marimo__cell_")
_COURSE = Path(__file__).resolve().parents[1]


class Place:
    """A place in the learner's code; `is_last`: the error was raised there, not in something that was called."""

    def __init__(self, filename: str, line: int, name: str, is_last: bool) -> None:
        self.name, self.is_last = name, is_last
        file = "your cell" if is_cell(filename) else Path(filename).name
        code = linecache.getline(filename, line).strip()
        self.text = f"line {line} of {file}" + (f": `{code}`" if code else "")


def is_cell(filename: str) -> bool:
    """Whether code of this file name came from a notebook cell: in Jupyter, Colab, VS Code, JupyterLite or Marimo."""
    return filename.startswith(_CELL_BEGINS) or any(part in filename for part in _CELL_HOLDS)


def files_of(function: Callable[..., Any]) -> set[str]:
    """Where a function was written, and what it is wrapped around: decorators, partials, methods, callable objects."""
    found, left = set(), [(function, 0)]
    while left:
        layer, depth = left.pop()
        code = getattr(layer, "__code__", None)
        if inspect.iscode(code) and (depth == 0 or not _is_installed(code.co_filename)):
            found.add(code.co_filename)
        if depth < 3:
            left += [(inner, depth + 1) for inner in _inside(layer)]
    return found


def _inside(layer: Any) -> list[Any]:
    cells = getattr(layer, "__closure__", None) or ()
    kept = [cell.cell_contents for cell in cells if _is_filled(cell)]
    own = [getattr(layer, name, None) for name in ("__wrapped__", "func", "__func__")]
    of_class = [] if inspect.isroutine(layer) else [getattr(type(layer), "__call__", None)]  # noqa: B004
    return [inner for inner in own + kept + of_class if callable(inner) and inner is not layer]


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def learners_place(error: BaseException, function: Callable[..., Any]) -> Place | None:
    """The deepest place of a traceback in a cell, or in a file of the learner's function."""
    files = files_of(function)
    found, trace = None, error.__traceback__
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        if filename in files or is_cell(filename):
            found = Place(filename, trace.tb_lineno, trace.tb_frame.f_code.co_name, trace.tb_next is None)
        trace = trace.tb_next
    return found


def stub_in(error: BaseException) -> str | None:
    """The name of the stub that raised a bare NotImplementedError, in whatever cell or file of a learner it stands."""
    trace = error.__traceback__
    if not isinstance(error, NotImplementedError) or error.args or trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    return None if _is_installed(code.co_filename) else code.co_name


def _is_installed(filename: str) -> bool:
    """Whether a file belongs to Python, to a library or to this course, and to no learner."""
    if is_cell(filename):
        return False
    roots = [sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    folders = [Path(root).resolve() for root in {*roots, *site.getsitepackages()}] + [_COURSE]
    return filename.startswith("<") or any(Path(filename).resolve().is_relative_to(folder) for folder in folders)

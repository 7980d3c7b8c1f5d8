"""The part of a notebook that some of its statements need: a slice backward over names, statement by statement."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence

SHOWING = ("print", "display", "show", "plt", "figures", "widgets", "claim")  # what these are given, they only look at

Kept = list[list[ast.stmt]]


def needed(cells: Sequence[ast.Module], wanted: Callable[[ast.stmt], bool], whole: Sequence[bool] = ()) -> Kept:
    """What has to run so that every wanted statement can: for each cell, the statements that are kept, in order.

    A statement is kept where it is wanted, where it gives a kept statement one of its names, and where it may change
    what such a name holds: an assignment to a part of it, or a call for its own sake that is given it, like
    `optimizer.step()`. So is one that names a function or class of the notebook that may. Functions that draw and print
    change nothing. Seeds are kept.

    Args:
        cells: their syntax trees, in order.
        wanted: whether a statement is wanted for its own sake.
        whole: for each cell, whether every statement that mentions a name may change what it holds.
    """
    names: set[str] = set()
    kept: Kept = [[] for _ in cells]
    definitions = [one for cell in cells for one in cell.body if isinstance(one, (ast.FunctionDef, ast.ClassDef))]
    reach = {one.name: {*_changed(one)} for one in definitions}
    for number in reversed(range(len(cells))):
        everything = bool(whole) and whole[number]
        for statement in reversed(cells[number].body):
            uses = set(_read(statement))
            gives = uses if everything else {*_changed(statement)}.union(*(reach.get(name, ()) for name in uses))
            if wanted(statement) or names & {*gives, *_bound(statement)} or _seeds(statement):
                kept[number].insert(0, statement)
                names |= uses
    return kept


def _read(statement: ast.stmt) -> Iterator[str]:
    return (node.id for node in ast.walk(statement) if isinstance(node, ast.Name))


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement gives a value."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)


def _changed(statement: ast.stmt) -> Iterator[str]:
    """The names whose objects a statement may change."""
    for node in ast.walk(statement):
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
            yield from _root(node)
        elif isinstance(node, ast.Call) and _root(node.func) == ["meta_train"]:
            yield from (name for given in node.args[:1] for name in _root(given))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = _root(node.value.func)
            if not called or called[0] not in SHOWING:
                yield from (inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))


def _root(node: ast.expr) -> list[str]:
    """The name that an expression like `a.b[0].c` begins with."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return [node.id] if isinstance(node, ast.Name) else []


def _seeds(statement: ast.stmt) -> bool:
    calls = (node.func for node in ast.walk(statement) if isinstance(node, ast.Call))
    return isinstance(statement, ast.Expr) and any(
        isinstance(f, ast.Attribute) and f.attr == "manual_seed" for f in calls
    )

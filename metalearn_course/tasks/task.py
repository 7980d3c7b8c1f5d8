"""A task is a pair of example sets: a support set to learn from and a query set to be judged on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Generator, Tensor


class Examples(NamedTuple):
    """Inputs `x`, shape (n, ...), and what belongs to them: labels `y`, shape (n,), or targets, shape (n, outputs)."""

    x: Tensor
    y: Tensor


class Task(NamedTuple):
    """D = (S, B): `support` to learn from, `query` to be judged on.

    `classes` holds the global ids behind an episode's labels 0 ... ways-1, shape (ways,); shape (0,) for regression.
    A stack of tasks is the same tuple with one more dimension in front of every tensor.
    """

    support: Examples
    query: Examples
    classes: Tensor


class TaskDistribution(Protocol):
    """p(D): anything that can draw tasks and say in a line what it draws."""

    def sample(self, tasks: int, generator: Generator) -> Task:
        """A stack of `tasks` tasks, drawn by `generator` alone."""
        ...

    @property
    def protocol(self) -> str:
        """What is drawn, in a line: evaluations print it, and checkpoints compare it."""
        ...


def one_task(tasks: Task, index: int) -> Task:
    """One task of a stack.

    Args:
        tasks: the stack.
        index: which one, from 0.

    Returns:
        The task, without the dimension of the stack.
    """
    return Task(
        Examples(tasks.support.x[index], tasks.support.y[index]),
        Examples(tasks.query.x[index], tasks.query.y[index]),
        tasks.classes[index],
    )


def stack_tasks(tasks: Sequence[Task]) -> Task:
    """Tasks of equal size as one stack."""
    return Task(
        Examples(torch.stack([t.support.x for t in tasks]), torch.stack([t.support.y for t in tasks])),
        Examples(torch.stack([t.query.x for t in tasks]), torch.stack([t.query.y for t in tasks])),
        torch.stack([t.classes for t in tasks]),
    )


def check_tasks(tasks: Task) -> None:
    """Refuse, on the stack, what code for one task cannot see under vmap.

    There the label 7 of a 5-way task silently becomes a row of zeros, and a class without an example 0/0, NaN.

    Args:
        tasks: a stack, classes (tasks, ways).

    Raises:
        ValueError: for shapes that do not fit, an empty set, a label out of range, a class without a support example.
        TypeError: for labels that are not int64.
    """
    for name, (x, y) in (("support", tasks.support), ("query", tasks.query)):
        if y.ndim < 2 or x.shape[:2] != y.shape[:2]:
            raise ValueError(
                f"{name}: x has shape {tuple(x.shape)} and y {tuple(y.shape)}; a stack needs (tasks, n, ...) and "
                f"(tasks, n). Use stack_tasks([task]) for a single task."
            )
        if y.shape[1] == 0:
            raise ValueError(f"The {name} set is empty, shape {tuple(y.shape)}; it needs at least one example.")
    ways = tasks.classes.shape[-1]
    if ways == 0:
        if not tasks.support.y.is_floating_point():
            raise ValueError(
                "Integer labels need Task.classes, the global ids of labels 0 ... ways-1; it is empty. "
                "For regression, use float targets."
            )
        return
    if tasks.classes.shape != (len(tasks.support.y), ways):
        raise ValueError(
            f"classes have shape {tuple(tasks.classes.shape)}; {len(tasks.support.y)} tasks need (tasks, ways). "
            f"Give every task a row of global ids."
        )
    for name, (_, y) in (("support", tasks.support), ("query", tasks.query)):
        if y.dtype != torch.int64:
            raise TypeError(f"{name} labels have dtype {y.dtype}; expected torch.int64. Convert them with y.long().")
        if y.ndim != 2:
            raise ValueError(f"{name} labels have shape {tuple(y.shape)}; expected (tasks, n). Flatten them.")
        if y.min() < 0 or y.max() >= ways:
            bad = y[(y < 0) | (y >= ways)][0].item()
            raise ValueError(f"{name} label {bad} is out of range; a {ways}-way episode has labels 0 ... {ways - 1}.")
    present = torch.zeros(len(tasks.classes), ways, dtype=torch.bool).scatter_(1, tasks.support.y, True)
    if not present.all():
        task, label = (~present).nonzero()[0].tolist()
        raise ValueError(
            f"Label {label} has no support example in task {task}; every one of the {ways} classes needs at least one."
        )

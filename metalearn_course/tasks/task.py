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
    """p(D): anything that can draw tasks and say in a line what it draws. No class needs to inherit from this one.

    `check_tasks(distribution)` says, in a line, what one of your own lacks.
    """

    def sample(self, tasks: int, generator: Generator) -> Task:
        """A stack of `tasks` tasks, as many as that, drawn by `generator` alone: the same ones from the same seed.

        Args:
            tasks: how many, 1 or more.
            generator: where every random number comes from; neither torch's global ones nor numpy's.

        Returns:
            support x (tasks, n, ...) and y, int64 labels (tasks, n) or float targets (tasks, n, outputs); query
            likewise; classes (tasks, ways), in regression (tasks, 0).
        """
        ...

    @property
    def protocol(self) -> str:
        """What is drawn, in a line, with every number that changes it: evaluations print it, checkpoints compare it."""
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

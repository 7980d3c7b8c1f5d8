"""A task is a pair of example sets: a support set to learn from and a query set to be judged on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
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


def as_tensor(values: Any, name: str = "x") -> Tensor:
    """A tensor as it is; a numpy array as one of torch's default dtype or, where it holds whole numbers, int64.

    Args:
        values: the tensor or array.
        name: the word for it in the message.

    Raises:
        TypeError: for anything else.
    """
    if isinstance(values, Tensor):
        return values
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiub":
        kind = f"{type(values).__name__}{f' of {values.dtype}' if isinstance(values, np.ndarray) else ''}"
        raise TypeError(
            f"{name} is {kind}; expected a tensor, or a numpy array of numbers. Convert it: torch.tensor(...)."
        )
    copied = torch.from_numpy(np.ascontiguousarray(values).copy())
    if values.dtype.kind == "f":
        return copied.to(torch.get_default_dtype())
    return copied if values.dtype == np.uint8 else copied.long()


def as_examples(examples: Any, name: str = "support") -> Examples:
    """Examples whose x and y are tensors; TypeError, in a line, for what is no `Examples`."""
    if not isinstance(examples, Examples):
        raise TypeError(f"{name} is {type(examples).__name__}; expected Examples(x, y). Make it one.")
    x, y = as_tensor(examples.x, f"{name}.x"), as_tensor(examples.y, f"{name}.y")
    return Examples(x, y.long() if y.dtype == torch.uint8 and isinstance(examples.y, np.ndarray) else y)

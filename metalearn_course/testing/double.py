"""A check in float64: what differs there as well is no rounding."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Generator, Tensor
from torch.overrides import TorchFunctionMode

from ..meta_learners.base import MetaLearner
from ..tasks.task import Examples, Task, TaskDistribution
from .checks import CheckError

Make = Callable[[], MetaLearner]
OfTasks = Callable[[Make, TaskDistribution], None]


def but_for_rounding(check: OfTasks) -> OfTasks:
    """The same check; what differs in float32 and not in float64, by the same tolerance, is rounding."""

    @functools.wraps(check)
    def checked(make: Make, tasks: TaskDistribution) -> None:
        try:
            check(make, tasks)
        except CheckError:
            with default_dtype(torch.float64):
                try:
                    check(lambda: make().double(), InDouble(tasks))
                except (CheckError, RuntimeError, TypeError):
                    pass
                else:
                    return
            raise

    return checked


class InDouble:
    """The same tasks in float64; labels and token ids stay whole numbers."""

    def __init__(self, tasks: TaskDistribution) -> None:
        self.tasks, self.protocol = tasks, tasks.protocol

    def sample(self, tasks: int, generator: Generator) -> Task:
        """A stack, drawn in float32 and converted."""
        with default_dtype(torch.float32):
            stack = self.tasks.sample(tasks, generator)
        support, query = (
            Examples(*(part.double() if part.is_floating_point() else part for part in e)) for e in stack[:2]
        )
        return Task(support, query, stack.classes)


class Doubled(TorchFunctionMode):
    """Inside, whatever would be float32 is float64, also where it is asked for by name."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        return result.double() if isinstance(result, Tensor) and result.dtype == torch.float32 else result


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Inside, torch's default dtype is this one."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


__all__ = ["Doubled", "InDouble", "but_for_rounding", "default_dtype"]

"""How many tasks go through at once, so that what is computed on the way fits into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..tasks.task import Examples, Task

_LIMIT = 2**30  # bytes, for what is computed on the way
_SURE = 4 * 2**20  # bytes of inputs: below, the widest network of this course stays within the limit
_FEW = 10  # queries, among which one depends on the others or does not


class Peak(TorchDispatchMode):
    """Inside, the most bytes are kept account of that tensors made here held at one time: `most`."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given = {t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and (storage := tensor.untyped_storage())._cdata not in given:
                self.alive[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        self.alive = {key: kept for key, kept in self.alive.items() if not kept[0].expired()}
        self.most = max(self.most, sum(size for _, size in self.alive.values()))
        return result


def at_once(run: Callable[[Task], Any], batch: Task) -> int:
    """How many tasks of a stack may go through `run` together: all of them if they fit, else as many as do, 1 or more.

    A single task is run to see what it takes, and only where the inputs are large.

    Args:
        run: a stack of tasks -> anything.
        batch: a stack.
    """
    count = len(batch.classes)
    if count == 1 or _bytes(batch) <= _SURE:
        return count
    with torch.random.fork_rng(devices=[]), Peak() as peak:
        run(next(parts(batch, 1)))
    return max(1, min(count, _LIMIT // max(1, peak.most)))


def few_queries(batch: Task) -> Task:
    """The same stack; where its inputs are large, with no more than ten queries a task."""
    if _bytes(batch) <= _SURE:
        return batch
    return batch._replace(query=Examples(batch.query.x[:, :_FEW], batch.query.y[:, :_FEW]))


def _bytes(batch: Task) -> int:
    return sum(e.x.numel() * e.x.element_size() for e in (batch.support, batch.query))


def parts(batch: Task, size: int) -> Iterator[Task]:
    """A stack in stacks of `size` tasks, the last of what is left."""
    for i in range(0, len(batch.classes), size):
        here = slice(i, i + size)
        support, query = (Examples(e.x[here], e.y[here]) for e in (batch.support, batch.query))
        yield Task(support, query, batch.classes[here])

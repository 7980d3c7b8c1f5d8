"""instance_accuracy: how often a reader is right by how often it has seen the class."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from .._common.arguments import whole
from .._common.seeds import FRESH, ORDER, stream
from ..meta_learners.reader import Reader
from ..tasks.check import check_distribution, draw
from ..tasks.task import Examples, Task, TaskDistribution
from .metrics import half_width, is_right
from .predictions import chunks, in_mode

_EPISODES_AT_ONCE = 25


class InstanceAccuracy(NamedTuple):
    """Entry i of `mean` and of `interval` (95% over episodes) is for examples of a class seen i times before."""

    mean: list[float]
    interval: list[float]
    chance: float


def instance_accuracy(
    reader: Reader, tasks: TaskDistribution, *, episodes: int = 600, seed: int = 1
) -> InstanceAccuracy:
    """Accuracy by how often a class was seen, along sequences of a support set and then its queries.

    Santoro et al. (2016, arXiv:1605.06065) report it: their 2nd instance is entry 1. At the first, a reader can do
    better than chance by elimination only: the label is one that has not come yet. And where every class comes equally
    often, counting narrows the choice towards the end of a sequence. Where labels come in the same order in every
    episode, or class after class, the order alone would tell them: support sets and query sets are shuffled then.

    Args:
        reader: whose answers are judged.
        tasks: where the episodes come from.
        episodes: how many, 2 or more: an interval over them is given.
        seed: of the episodes, and of whatever else is drawn.

    Returns:
        An `InstanceAccuracy`; instances that come in fewer than half of the episodes are left out.

    Raises:
        TypeError: if `reader` is no `Reader`.
        ValueError: for numbers out of range.
    """
    episodes, seed = whole("episodes", episodes, 2), whole("seed", seed, -(2**63))
    if not isinstance(reader, Reader):
        raise TypeError(f"instance_accuracy follows a Reader along a sequence; {type(reader).__name__} is none.")
    check_distribution(tasks)
    generator, order = (torch.Generator().manual_seed(s) for s in (seed, stream(seed, ORDER)))
    right: list[Tensor] = []
    seen: list[Tensor] = []

    def sequence(task: Task) -> tuple[Tensor, Tensor]:
        examples = reader.sequence(task)
        logits = reader.read(examples.x, reader.labels_before(examples))
        before = (examples.y[:, None] == examples.y).tril(-1).sum(-1)
        return is_right(logits, examples.y), before

    in_order: bool | None = None
    with in_mode(reader), torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream(seed, FRESH))
        for size in chunks(episodes, _EPISODES_AT_ONCE):
            batch = draw(tasks, size, generator)
            in_order = _in_order(batch) if in_order is None else in_order
            batch = _shuffled(batch, order) if in_order else batch
            for kept, part in zip((right, seen), reader.over_tasks(sequence, batch), strict=True):
                kept.append(part)
    correct, before = torch.cat(right).float(), torch.cat(seen)
    mean, interval = [], []
    for i in range(int(before.max()) + 1):
        here = before == i
        has_some = here.any(1)
        if has_some.float().mean() < 0.5:
            break
        per_episode = ((correct * here).sum(1) / here.sum(1))[has_some]
        mean.append(per_episode.mean().item())
        interval.append(half_width(per_episode))
    return InstanceAccuracy(mean, interval, 1 / batch.classes.shape[-1])


def _in_order(batch: Task) -> bool:
    """Whether the order tells the labels: the same one in two or more episodes, or class after class."""
    for y in (batch.support.y, batch.query.y):
        runs = 1 + (y.diff(dim=1) != 0).sum(1)  # of equal labels
        classes = batch.classes.shape[-1]
        if (y == y[0]).all() or (y.shape[1] > classes and (runs <= classes).all()):
            return True
    return False


def _shuffled(batch: Task, generator: Generator) -> Task:
    """The same episodes, support sets and query sets each in an order of their own."""

    def shuffled(examples: Examples) -> Examples:
        x, y = examples
        places = torch.rand(y.shape, generator=generator).argsort(1)
        return Examples(x[torch.arange(len(y))[:, None], places], y.gather(1, places))

    return batch._replace(support=shuffled(batch.support), query=shuffled(batch.query))

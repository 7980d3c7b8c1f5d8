"""Ways to ask about a threshold that nobody had to learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from .._common.arguments import whole
from ..tasks.thresholds import above

# (low, high, asked, questions, generator) -> where to ask next, (tasks,)
Way = Callable[[Tensor, Tensor, int, int, Generator], Tensor]


def bisection(low: Tensor, high: Tensor, asked: int, questions: int, generator: Generator) -> Tensor:
    """The middle of what is left."""
    return (low + high) / 2


def evenly(low: Tensor, high: Tensor, asked: int, questions: int, generator: Generator) -> Tensor:
    """At equal distances, whatever the answers are."""
    return torch.full_like(low, (asked + 1) / (questions + 1))


def anywhere(low: Tensor, high: Tensor, asked: int, questions: int, generator: Generator) -> Tensor:
    """At random: examples that nobody chose."""
    return torch.rand(low.shape, generator=generator)


@dataclass(frozen=True)
class Median:
    """The median of what is left, of thresholds that were seen before: it halves their number instead of the interval.

    Args:
        seen: thresholds (n,).
    """

    seen: Tensor

    def __call__(self, low: Tensor, high: Tensor, asked: int, questions: int, generator: Generator) -> Tensor:
        """Where to ask next."""
        return self.of_what_is_left(low, high)

    def of_what_is_left(self, low: Tensor, high: Tensor) -> Tensor:
        """The median of the seen ones within each interval; of an interval without any, the next one above."""
        known = self.seen.sort().values
        first, last = (torch.searchsorted(known, end.contiguous()) for end in (low, high))
        return known[((first + last) // 2).clamp_max(len(known) - 1)]


def left(way: Way, theta: Tensor, questions: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """The intervals that so many answers leave.

    Args:
        way: how to ask.
        theta: the thresholds (tasks,).
        questions: how many.
        seed: of what is drawn.

    Returns:
        The low and the high ends, each (tasks,).
    """
    generator = Generator().manual_seed(seed)
    low, high = torch.zeros_like(theta), torch.ones_like(theta)
    for asked in range(whole("questions", questions)):
        low, high = above(low, high, theta, way(low, high, asked, questions, generator))
    return low, high

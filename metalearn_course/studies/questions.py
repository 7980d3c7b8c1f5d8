"""Ways to ask about a threshold that nobody had to learn."""

from __future__ import annotations

from collections.abc import Callable

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

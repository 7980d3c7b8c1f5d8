"""Thresholds on a line: the smallest distribution over tasks on which a learner can choose what to be told."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from .task import Examples, Task

_CLUSTERS = ((60, 100), (100, 16))  # of two Beta distributions: around 0.375 and around 0.86


@dataclass(frozen=True)
class Thresholds:
    """A number theta in [0, 1]; whoever asks about x is told whether x is above theta.

    The example of Dasgupta (2005, NIPS), for which choosing one's examples pays most: with random ones the error falls
    as 1/n, with chosen ones as 2^-n. As a task: x and y of the support set, and of the query set, are theta itself. A
    learner may ask about it, by `above`, and not read it.

    Args:
        clusters: whether theta lies in one of two clusters, instead of anywhere.
    """

    clusters: bool = False

    @property
    def protocol(self) -> str:
        """Where theta lies."""
        return f"thresholds {'in two clusters' if self.clusters else 'anywhere'} between 0 and 1"

    def sample(self, tasks: int, generator: Generator) -> Task:
        """A stack of `tasks` thresholds; x and y have shape (tasks, 1, 1)."""
        if self.clusters:
            low, high = (_beta(a, b, tasks, generator) for a, b in _CLUSTERS)
            theta = torch.where(torch.rand(tasks, generator=generator) < 0.5, low, high)
        else:
            theta = torch.rand(tasks, generator=generator)
        told = Examples(theta[:, None, None], theta[:, None, None])
        return Task(told, told, torch.empty(tasks, 0, dtype=torch.int64))


def above(low: Tensor, high: Tensor, theta: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """The interval (low, high) that is left for theta after the answer to "is x above theta?".

    A gradient runs from the interval to x where x became one of its ends.
    """
    yes = x > theta
    return torch.where(yes, low, torch.maximum(low, x)), torch.where(yes, torch.minimum(high, x), high)


def _beta(a: int, b: int, count: int, generator: Generator) -> Tensor:
    """Beta-distributed numbers, by the ratio of two gamma-distributed ones, sums of exponentials."""
    one, other = (-torch.rand(count, n, generator=generator).clamp_min(1e-12).log().sum(1) for n in (a, b))
    return one / (one + other)


__all__ = ["Thresholds", "above"]

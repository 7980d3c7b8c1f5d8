"""Sine waves: a small distribution over tasks that cannot be solved by one function."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from .._common.arguments import numbers, whole
from .task import Examples, Task


@dataclass(frozen=True)
class Sinusoids:
    """y = a sin(x + p), a wave per task: amplitude a in [0.1, 5], phase p in [0, pi], x in [-5, 5].

    Finn et al. (2017, arXiv:1703.03400), section 5.1, up to the sign of the phase.

    Args:
        shots: points in the support set.
        queries: points in the query set.
        grid: whether the queries are evenly spaced, to draw a whole wave, instead of drawn at random.
        amplitudes: the least and the largest a.
        phases: the least and the largest p, in radians.
        interval: the least and the largest x.

    Raises:
        ValueError: for shots or queries that are no whole number from 1, and for a range that is not two numbers.
    """

    shots: int = 10
    queries: int = 10
    grid: bool = False
    amplitudes: tuple[float, float] = (0.1, 5.0)
    phases: tuple[float, float] = (0.0, math.pi)
    interval: tuple[float, float] = (-5.0, 5.0)

    def __post_init__(self) -> None:
        for name in ("shots", "queries"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        for name in ("amplitudes", "phases", "interval"):
            ends = numbers(name, getattr(self, name))
            if len(ends) != 2:
                raise ValueError(f"{name}={ends}; expected two numbers, the least and the largest. Change {name}.")
            object.__setattr__(self, name, ends)

    @property
    def protocol(self) -> str:
        """The shots and the queries, and whatever else is not as in the paper."""
        said = [f"sinusoids, {self.shots} shots, {self.queries} queries{' on a grid' if self.grid else ''}"]
        for name in ("amplitudes", "phases", "interval"):
            low, high = getattr(self, name)
            if (low, high) != getattr(Sinusoids, name):
                said.append(f"{name} {low:.4g} to {high:.4g}")
        return ", ".join(said)

    def sample(self, tasks: int, generator: Generator) -> Task:
        """A stack of `tasks` waves; support x and y have shape (tasks, shots, 1), query (tasks, queries, 1)."""
        amplitude = _uniform((tasks, 1, 1), self.amplitudes, generator)
        phase = _uniform((tasks, 1, 1), self.phases, generator)
        support_x = _uniform((tasks, self.shots, 1), self.interval, generator)
        if self.grid:
            query_x = torch.linspace(*self.interval, self.queries)[:, None].repeat(tasks, 1, 1)
        else:
            query_x = _uniform((tasks, self.queries, 1), self.interval, generator)
        return Task(
            Examples(support_x, amplitude * torch.sin(support_x + phase)),
            Examples(query_x, amplitude * torch.sin(query_x + phase)),
            torch.empty(tasks, 0, dtype=torch.int64),
        )


def _uniform(shape: tuple[int, ...], bounds: tuple[float, float], generator: Generator) -> Tensor:
    low, high = bounds
    return low + (high - low) * torch.rand(shape, generator=generator)

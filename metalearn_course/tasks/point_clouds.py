"""Few-shot classification in its smallest form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator

from .._common.arguments import whole
from .task import Examples, Task


@dataclass(frozen=True)
class PointClouds:
    """Few-shot classification in its smallest form: each class a cloud of points around a center of its own.

    Centers have standard deviation 2, points 1 around them, in every dimension.

    Args:
        ways: classes in a task.
        shots: support points of each class.
        queries: query points of each class.
        dimensions: of the points.
    """

    ways: int = 3
    shots: int = 2
    queries: int = 4
    dimensions: int = 4

    def __post_init__(self) -> None:
        for name in ("ways", "shots", "queries", "dimensions"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))

    @property
    def protocol(self) -> str:
        """Ways, shots and queries, and the dimensions where they are not 4."""
        dimensions = "" if self.dimensions == PointClouds.dimensions else f", {self.dimensions} dimensions"
        return f"clusters, {self.ways}-way {self.shots}-shot, {self.queries} queries a class{dimensions}"

    def sample(self, tasks: int, generator: Generator) -> Task:
        """A stack of `tasks` tasks: x (tasks, ways * n, dimensions), y (tasks, ways * n), class after class."""
        centers = 2 * torch.randn(tasks, self.ways, 1, self.dimensions, generator=generator)
        points = self.shots + self.queries
        x = centers + torch.randn(tasks, self.ways, points, self.dimensions, generator=generator)
        y = torch.arange(self.ways)[:, None].expand(tasks, self.ways, points)
        parts = [
            Examples(x[:, :, part].flatten(1, 2), y[:, :, part].flatten(1, 2))
            for part in (slice(self.shots), slice(self.shots, None))
        ]
        return Task(parts[0], parts[1], torch.arange(self.ways).expand(tasks, -1))

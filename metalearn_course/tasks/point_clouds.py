"""Few-shot classification in its smallest form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator

from .task import Examples, Task


@dataclass(frozen=True)
class PointClouds:
    """Few-shot classification in its smallest form: each class a cloud of points around a center of its own."""

    ways: int = 3
    shots: int = 2
    queries: int = 4
    dimensions: int = 4

    @property
    def protocol(self) -> str:
        return f"clusters, {self.ways}-way {self.shots}-shot, {self.queries} queries a class"

    def sample(self, tasks: int, generator: Generator) -> Task:
        centers = 2 * torch.randn(tasks, self.ways, 1, self.dimensions, generator=generator)
        points = self.shots + self.queries
        x = centers + torch.randn(tasks, self.ways, points, self.dimensions, generator=generator)
        y = torch.arange(self.ways)[:, None].expand(tasks, self.ways, points)
        parts = [
            Examples(x[:, :, part].flatten(1, 2), y[:, :, part].flatten(1, 2))
            for part in (slice(self.shots), slice(self.shots, None))
        ]
        return Task(parts[0], parts[1], torch.arange(self.ways).expand(tasks, -1))

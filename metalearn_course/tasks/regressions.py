"""Linear regressions: the distribution over tasks on which learning in context can be compared with closed forms."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from .._common.arguments import number, whole
from .task import Examples, Task


@dataclass(frozen=True)
class Regressions:
    """y = w x + noise: weights w and inputs x of `dimensions` numbers, all standard normal; another w for every task.

    Garg et al. (2022, arXiv:2208.01066) and von Oswald et al. (2023, arXiv:2212.07677). With `different`, there are
    only so many different tasks, as in Raventós et al. (2023, arXiv:2306.15063): their weights are drawn once, from
    `seed`, and every task has one of them. Whoever is trained on few can learn them by heart.

    Args:
        dimensions: of w and x.
        shots: examples in the support set.
        queries: examples in the query set.
        noise: the standard deviation of what is added to y, 0 or more.
        different: how many different tasks there are; endlessly many by default.
        seed: of the weights, where `different` is given.

    Raises:
        ValueError: if a number is out of range.
    """

    dimensions: int = 5
    shots: int = 10
    queries: int = 1
    noise: float = 0.0
    different: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("dimensions", "shots", "queries"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        object.__setattr__(self, "noise", number("noise", self.noise, least=0))
        if self.different is not None:
            object.__setattr__(self, "different", whole("different", self.different))
        object.__setattr__(self, "seed", whole("seed", self.seed, 0))

    @property
    def protocol(self) -> str:
        """Every number."""
        said = f"linear regressions in {self.dimensions} dimensions, {self.shots} shots, {self.queries} queries"
        said += f", noise {self.noise:g}" if self.noise else ""
        return said + (f", {self.different:,} different ones of seed {self.seed}" if self.different else "")

    def weights(self) -> Tensor:
        """Those of the different tasks (different, dimensions).

        Raises:
            ValueError: where there are endlessly many.
        """
        if self.different is None:
            raise ValueError("There are endlessly many different tasks. Say how many, as in Regressions(different=64).")
        return torch.randn(self.different, self.dimensions, generator=Generator().manual_seed(self.seed))

    def sample(self, tasks: int, generator: Generator) -> Task:
        """A stack of `tasks` regressions: support x (tasks, shots, dimensions), y (tasks, shots, 1); query likewise."""
        if self.different is None:
            w = torch.randn(tasks, self.dimensions, generator=generator)
        else:
            w = self.weights()[torch.randint(self.different, (tasks,), generator=generator)]
        x = torch.randn(tasks, self.shots + self.queries, self.dimensions, generator=generator)
        y = x @ w[:, :, None]
        y = y + self.noise * torch.randn(y.shape, generator=generator)
        support, query = (Examples(x[:, part], y[:, part]) for part in (slice(self.shots), slice(self.shots, None)))
        return Task(support, query, torch.empty(tasks, 0, dtype=torch.int64))


__all__ = ["Regressions"]

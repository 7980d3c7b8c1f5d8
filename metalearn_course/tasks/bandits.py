"""Bandits: the smallest distribution over worlds to act in."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from .._common.arguments import whole
from .task import Examples, Task


@dataclass(frozen=True)
class Bandits:
    """Arms that pay 1 or 0; how often each pays is uniform in [0, 1], drawn anew for every task.

    The bandits of Duan et al. (2016, arXiv:1611.02779), section 3.1. As a task: x says what each arm would pay at each
    pull (a player may look at the arm that it pulls only), y how often each arm pays on average, the same in every row.
    Support and query are the same game. With the payments drawn beforehand, two players meet the same luck.

    Args:
        arms: how many, 2 or more.
        pulls: how many pulls a game has.

    Raises:
        ValueError: if a number is out of range.
    """

    arms: int = 2
    pulls: int = 20

    def __post_init__(self) -> None:
        object.__setattr__(self, "arms", whole("arms", self.arms, 2))
        object.__setattr__(self, "pulls", whole("pulls", self.pulls))

    @property
    def protocol(self) -> str:
        """Arms and pulls."""
        return f"bandits of {self.arms} arms, {self.pulls} pull{'s' if self.pulls > 1 else ''}"

    def sample(self, tasks: int, generator: Generator) -> Task:
        """A stack of `tasks` games: x and y (tasks, pulls, arms), classes (tasks, 0)."""
        means = torch.rand(tasks, 1, self.arms, generator=generator).expand(tasks, self.pulls, self.arms)
        pays = (torch.rand(means.shape, generator=generator) < means).to(means.dtype)
        game = Examples(pays, means.contiguous())
        return Task(game, game, torch.empty(tasks, 0, dtype=torch.int64))


def regret(means: Tensor, pulled: Tensor) -> Tensor:
    """What was lost by not knowing the best arm: its mean minus that of the arm pulled, summed over the game.

    Args:
        means: of the arms at every pull (..., pulls, arms), as `Bandits` gives them.
        pulled: which arm, int64 (..., pulls).

    Returns:
        (...).
    """
    taken = means.gather(-1, pulled[..., None])[..., 0]
    return (means.amax(-1) - taken).sum(-1)


__all__ = ["Bandits", "regret"]

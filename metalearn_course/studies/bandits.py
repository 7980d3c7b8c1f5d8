"""Ways to play a bandit that nobody had to learn, and the best of all, by dynamic programming."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .._common.arguments import whole
from ..tasks.task import Task

# (wins, losses, random numbers) -> an arm for each game; wins and losses count so far, (games, arms)
Policy = Callable[[Tensor, Tensor, np.random.Generator], Tensor]


def pulls_of(policy: Policy, tasks: Task, seed: int = 0) -> Tensor:
    """The arms that a policy pulls in each game of a stack, int64 (games, pulls).

    Args:
        policy: (wins, losses, random numbers) -> an arm for each game.
        tasks: of `Bandits`.
        seed: of what the policy draws.
    """
    pays, draws = tasks.support.x, np.random.default_rng(seed)
    wins = losses = pays.new_zeros(len(pays), pays.shape[-1])
    pulled = []
    for pay in pays.unbind(1):
        arm = policy(wins, losses, draws)
        row = F.one_hot(arm, pays.shape[-1]).to(pays)
        wins, losses = wins + row * pay, losses + row * (1 - pay)
        pulled.append(arm)
    return torch.stack(pulled, 1)


def uniform(wins: Tensor, losses: Tensor, draws: np.random.Generator) -> Tensor:
    """Any arm, whatever it has paid."""
    return torch.from_numpy(draws.integers(wins.shape[-1], size=len(wins)))


def bayes_greedy(wins: Tensor, losses: Tensor, draws: np.random.Generator) -> Tensor:
    """The arm of the highest posterior mean, (wins + 1) / (pulls + 2): it never pulls an arm in order to learn."""
    return ((wins + 1) / (wins + losses + 2)).argmax(-1)


def thompson(wins: Tensor, losses: Tensor, draws: np.random.Generator) -> Tensor:
    """An arm with the probability that it is the best (Thompson, 1933): the best of one draw from each posterior."""
    return torch.from_numpy(draws.beta(wins.numpy() + 1, losses.numpy() + 1)).argmax(-1)


@dataclass(frozen=True)
class UCB:
    """The arm of the highest upper bound, its mean payment plus c sqrt(log(t) / pulls) (Auer et al., 2002, UCB1).

    Every arm is pulled once at first. The authors have c = sqrt(2); smaller ones do better in short games.
    """

    c: float = 2**0.5

    def __call__(self, wins: Tensor, losses: Tensor, draws: np.random.Generator) -> Tensor:
        """An arm for each game."""
        pulls = wins + losses
        bonus = self.c * (pulls.sum(-1, keepdim=True).clamp_min(1).log() / pulls.clamp_min(1)).sqrt()
        return torch.where(pulls > 0, wins / pulls.clamp_min(1) + bonus, torch.inf).argmax(-1)


@dataclass(frozen=True)
class BayesOptimal:
    """The best that any player can do with two arms of unknown, uniform means: dynamic programming over what was seen.

    Bellman (1956); Gittins (1979) for games without end. A state is how often each arm has paid and has not; its value
    is the larger of two expectations, one for each arm. 20 pulls have some ten thousand states, 100 some four million.

    Args:
        pulls: how many a game has, 1 to 100.

    Raises:
        ValueError: if the number is out of range.
    """

    pulls: int = 20
    value: float = field(init=False)  # what a game brings on average
    second: tuple[Tensor, ...] = field(init=False, repr=False)  # after t pulls, where the second arm is better

    def __post_init__(self) -> None:
        pulls = whole("pulls", self.pulls)
        if pulls > 100:
            raise ValueError(f"pulls={pulls}; expected 1 to 100: longer games have too many states.")
        values, second = torch.zeros(pulls + 1, pulls + 1, pulls + 1, dtype=torch.float64), []
        for t in reversed(range(pulls)):
            first_arm, second_arm = _expectations(values, t)
            second.append(second_arm > first_arm)
            values = torch.maximum(first_arm, second_arm)
        object.__setattr__(self, "value", values.item())
        object.__setattr__(self, "second", tuple(reversed(second)))

    def __call__(self, wins: Tensor, losses: Tensor, draws: np.random.Generator) -> Tensor:
        """The better arm for each game."""
        if wins.shape[-1] != 2:
            raise ValueError(f"BayesOptimal plays two arms; the bandits have {wins.shape[-1]}.")
        t = int((wins[0] + losses[0]).sum())
        if t >= len(self.second):
            raise ValueError(f"BayesOptimal(pulls={self.pulls}) plays {self.pulls} pulls; the game has more.")
        return self.second[t][wins[:, 0].long(), losses[:, 0].long(), wins[:, 1].long()].long()


def _expectations(after: Tensor, t: int) -> tuple[Tensor, Tensor]:
    """What each arm and the rest of the game bring, in every state after t pulls: (wins 1, losses 1, wins 2).

    The losses of the second arm are what is left of t. States that cannot be (more than t in all) hold nothing that
    counts: no state that can be leads to one.
    """
    here = slice(0, t + 1)
    w1, l1, w2 = torch.meshgrid(*[torch.arange(t + 1, dtype=torch.float64)] * 3, indexing="ij")
    l2 = (t - w1 - l1 - w2).clamp_min(0)
    first, second = (w1 + 1) / (w1 + l1 + 2), (w2 + 1) / (w2 + l2 + 2)
    stays = after[here, here, here]
    one = first * (1 + after[1 : t + 2, here, here]) + (1 - first) * after[here, 1 : t + 2, here]
    two = second * (1 + after[here, here, 1 : t + 2]) + (1 - second) * stays
    return one, two


class Beliefs(NamedTuple):
    """What is known of every arm before the first pull and after each: mean, and the ends of the middle 90%."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def beliefs(pulled: Tensor, paid: Tensor, arms: int) -> Beliefs:
    """The Beta distributions of the arms' means through one game, from a uniform prior.

    Args:
        pulled: which arm, int64 (pulls,).
        paid: what each pull paid, 0 or 1 (pulls,).
        arms: how many there are.

    Returns:
        Three arrays (pulls + 1, arms).
    """
    from scipy.special import betaincinv

    rows = F.one_hot(pulled, arms).double()
    before = rows.new_zeros(1, arms)
    won = torch.cat([before, (rows * paid.double()[:, None]).cumsum(0)]).numpy() + 1
    lost = torch.cat([before, (rows * (1 - paid.double()[:, None])).cumsum(0)]).numpy() + 1
    return Beliefs(won / (won + lost), betaincinv(won, lost, 0.05), betaincinv(won, lost, 0.95))


def tuned_ucb(tasks: Task, seed: int = 0) -> UCB:
    """The `UCB` that gains most in these games, of nine constants."""
    means = tasks.support.y

    def gained(policy: UCB) -> float:
        return means.gather(-1, pulls_of(policy, tasks, seed)[..., None]).sum().item()

    return max((UCB(c) for c in (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 2**0.5)), key=gained)

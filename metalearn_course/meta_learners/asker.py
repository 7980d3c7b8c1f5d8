"""A learner that chooses what to be told: questions about a threshold, learned."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._common.arguments import whole
from ..learners import mlp
from ..tasks.task import Examples
from ..tasks.thresholds import above
from .base import MetaLearner

SCALE = 10  # of what the networks see; with numbers from 0 to 1 a small one can hardly tell two clusters apart
FIRST = -1.5  # sigmoid(-1.5) = 0.18: a fresh one asks far from the middle, so that bisection has to be learned


class Asker(MetaLearner):
    """Ask where a threshold is, a few times, and say it.

    A learned form of active learning (compare Konyushkova et al., 2017, arXiv:1703.03365). The task is a threshold.
    What is adapted is the interval that the answers leave. phi is a network that chooses the next question within that
    interval, and one that says where in it the threshold is.

    Meta-train it with `EvolutionStrategies` (lesson 09). An answer is a yes or a no, so backpropagation sees how a
    question moves an end of the interval, and not how it changes the answers. That part is missing from its gradient;
    where the middle is said, nothing else is left.

    Args:
        questions: how many may be asked.
        hidden: the width of both networks, which have two hidden layers.

    Raises:
        ValueError: if a number is out of range.
    """

    order_matters = True

    def __init__(self, questions: int = 4, hidden: int = 12) -> None:
        super().__init__(F.l1_loss)
        self.questions, hidden = whole("questions", questions), whole("hidden", hidden)
        self.ask, self.say = (mlp(inputs, hidden, hidden, 1) for inputs in (3, 2))
        for network in (self.ask, self.say):
            nn.init.constant_(list(network.parameters())[-1], FIRST)

    @property
    def exact_gradient(self) -> bool:
        """No: an answer, yes or no, has none."""
        return False

    def question(self, low: Tensor, high: Tensor, asked: int) -> Tensor:
        """Where to ask next (1,), within the interval that is left after `asked` questions."""
        share = low.new_full((1,), asked / self.questions)
        return low + (high - low) * self.within(self.ask, torch.cat([low, high, share]))

    def adapt(self, support: Examples) -> Tensor:
        """The interval (2,) that the answers leave. `support.x` (1, 1) is what the answers come from."""
        theta, low, high = support.x[0], torch.zeros_like(support.x[0]), torch.ones_like(support.x[0])
        for asked in range(self.questions):
            low, high = above(low, high, theta, self.question(low, high, asked))
        return torch.cat([low, high])

    def predict(self, interval: Tensor, x: Tensor) -> Tensor:
        """The threshold that is said, for each query the same (m, 1)."""
        low, high = interval[:1], interval[1:]
        return (low + (high - low) * self.within(self.say, interval)).expand(len(x), 1)

    @staticmethod
    def within(network: nn.Module, seen: Tensor) -> Tensor:
        """Where in the interval, from 0 to 1 (1,), by what is seen, numbers from 0 to 1."""
        return network(SCALE * (seen[None] - 0.5))[0].sigmoid()

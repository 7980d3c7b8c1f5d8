"""A learner that chooses which images are to be labeled."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .._common.arguments import whole
from ..learners import mlp
from ..tasks.task import Examples
from .base import MetaLearner
from .nearest_neighbor import squared_distances

FACTS = ("far from what is labeled", "uncertain", "far from the other images")


class Labeled(NamedTuple):
    """What the labels gave: prototypes (ways, d), which classes have one (ways,), which images were chosen (n,)."""

    prototypes: Tensor
    met: Tensor
    chosen: Tensor


class Labeler(MetaLearner):
    """Look at images without labels, ask for the labels of a few, one after another, and classify by prototypes.

    A learned form of active learning. (Compare Konyushkova et al., 2017, arXiv:1703.03365: there, too, what is learned
    sees a few facts about each candidate.) The support set is the pool. The label of an image is read when the image is
    chosen; the first image is chosen already. Of every other image three facts are known, `FACTS`. A network makes a
    score of them, and the highest score is next. phi is that network. It is meta-trained on the share of wrong answers,
    by `EvolutionStrategies`, since a choice has no derivative.

    Args:
        budget: how many images are labeled, the first one included.
        hidden: the width of the network.
        score: another way to choose, facts (n, 3) -> scores (n,); then nothing is learned.

    Raises:
        ValueError: if a number is out of range.
    """

    order_matters = True  # the first image is given

    def __init__(self, budget: int = 5, hidden: int = 8, score: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__(share_wrong)
        self.budget, self.hidden = whole("budget", budget), whole("hidden", hidden)
        self.score = score
        if score is None:
            self.network = mlp(len(FACTS), self.hidden, 1)

    @property
    def exact_gradient(self) -> bool:
        """No: a choice has none."""
        return False

    def facts(self, x: Tensor, chosen: Tensor, labels: Tensor) -> Tensor:
        """What is known of every image before the next choice (n, 3).

        Args:
            x: the pool (n, d).
            chosen: 1 for an image whose label is known, else 0 (n,).
            labels: one-hot, zeros where the label is not known (n, ways).
        """
        apart = squared_distances(x, x).clamp_min(0)
        apart = apart / apart.mean().clamp_min(1e-9)
        nearest = torch.where(chosen[None] > 0, apart, torch.inf).amin(1)
        surest = self.predict(learned_from(x, chosen, labels), x).softmax(-1).amax(-1)
        return torch.stack([nearest, 1 - surest, apart.mean(1)], 1)

    def adapt(self, support: Examples) -> Labeled:
        """Choose, be told, choose again; then the prototypes of what was told."""
        if self.budget > len(support.x):
            raise ValueError(
                f"Labeler(budget={self.budget}) has {len(support.x)} images to choose from. Lower budget, or raise "
                f"shots."
            )
        known = self.one_hot(support)
        chosen = F.one_hot(torch.zeros((), dtype=torch.int64), len(support.x)).to(support.x)
        for _ in range(self.budget - 1):
            facts = self.facts(support.x, chosen, known * chosen[:, None])
            scores = self.network(facts)[:, 0] if self.score is None else self.score(facts)
            best = scores.masked_fill(chosen > 0, -torch.inf).argmax()
            chosen = chosen + F.one_hot(best, len(chosen)).to(chosen)
        return learned_from(support.x, chosen, known * chosen[:, None])

    def predict(self, labeled: Labeled, x: Tensor) -> Tensor:
        """Minus the squared distance to every prototype (m, ways); a class of which no label came is never named."""
        logits = -squared_distances(x, labeled.prototypes)
        return logits.masked_fill(labeled.met[None] == 0, torch.finfo(logits.dtype).min)


def learned_from(x: Tensor, chosen: Tensor, labels: Tensor) -> Labeled:
    """The prototypes of the images whose labels are known."""
    counts = labels.sum(0)
    return Labeled(labels.T @ x / counts.clamp_min(1)[:, None], (counts > 0).to(x), chosen)


def share_wrong(logits: Tensor, y: Tensor) -> Tensor:
    """The share of wrong answers, which has no gradient."""
    return (logits.argmax(-1) != y).float().mean()

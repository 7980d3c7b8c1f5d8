"""Transfer: the features of a trained network, and a logistic regression on the support set."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._common.arguments import number
from ..learners import Frozen
from ..tasks.task import Examples
from .base import MetaLearner


class Head(NamedTuple):
    """A linear classifier: weights (ways, d) and biases (ways,)."""

    weights: Tensor
    biases: Tensor


class LogisticRegression(MetaLearner):
    """A frozen network's features, scaled to length 1, and a logistic regression that is fitted anew for each task.

    Tian et al. (2020, arXiv:2003.11539), "a good embedding is all you need". phi is empty: the features come from
    ordinary training, and nothing is meta-trained. scikit-learn fits the regression, so tasks go one by one.

    Args:
        embedding: images (n, ...) -> (n, d), copied and frozen.
        c: how little weights are held small, scikit-learn's C; above 0.

    Raises:
        ValueError: if c is out of range.
    """

    one_by_one = True

    def __init__(self, embedding: nn.Module, c: float = 1.0) -> None:
        super().__init__()
        self.embedding, self.c = Frozen(embedding), number("c", c, above=0)

    def embed(self, x: Tensor) -> Tensor:
        """Features of length 1 (n, d)."""
        return F.normalize(self.embedding(x), dim=-1)

    def adapt(self, support: Examples) -> Head:
        """The head that fits the support set."""
        from sklearn import linear_model

        y = self.labels(support)
        fitted = linear_model.LogisticRegression(C=self.c, max_iter=1_000).fit(support.x.detach().numpy(), y.numpy())
        weights, biases = (torch.from_numpy(part).to(support.x) for part in (fitted.coef_, fitted.intercept_))
        if len(weights) == 1:  # of two classes scikit-learn keeps the logit of the second
            weights, biases = torch.cat([torch.zeros_like(weights), weights]), torch.cat([biases * 0, biases])
        return Head(weights, biases)

    def predict(self, head: Head, x: Tensor) -> Tensor:
        """Logits (m, ways)."""
        return x @ head.weights.T + head.biases

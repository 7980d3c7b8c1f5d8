"""The baseline that learns nothing: the answer of the most similar support example."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..tasks.task import Examples
from .base import MetaLearner


class Remembered(NamedTuple):
    """The support set, kept: features (n, d) and one-hot labels (n, ways)."""

    features: Tensor
    labels: Tensor


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Squared Euclidean distance from every row of `a` to every row of `b`.

    As |a|^2 - 2ab + |b|^2, which needs no (n, m, d); around the mean of `b`, or rounding would swallow the difference.

    Args:
        a: (n, d).
        b: (m, d).

    Returns:
        (n, m).
    """
    center = b.mean(0)
    a, b = a - center, b - center
    return a.square().sum(-1, keepdim=True) - 2 * a @ b.T + b.square().sum(-1)


class NearestNeighbor(MetaLearner):
    """Answer with the class of the nearest support example, by pixels or by a frozen copy of `embedding`.

    A class's logit is minus the squared distance to its nearest example. phi is empty: nothing is meta-trained here.

    Args:
        embedding: images (n, ...) -> (n, d), copied and frozen; pixels by default.
    """

    def __init__(self, embedding: nn.Module | None = None) -> None:
        super().__init__()
        self.embedding = nn.Flatten() if embedding is None else copy.deepcopy(embedding).requires_grad_(False)

    def embed(self, x: Tensor) -> Tensor:
        """Pixels in a row, or the frozen features: (n, d)."""
        return self.embedding(x)

    def adapt(self, support: Examples) -> Remembered:
        """The embedded support set, and its labels."""
        return Remembered(support.x, F.one_hot(support.y, self.ways))

    def predict(self, adapted: Remembered, x: Tensor) -> Tensor:
        """Minus the squared distance to the nearest example of each class: (m, ways)."""
        distances = squared_distances(x, adapted.features)[:, :, None]
        of_class = torch.where(adapted.labels == 1, distances, torch.inf)
        return -of_class.amin(dim=1)

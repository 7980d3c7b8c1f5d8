"""Compare two images at a time: Siamese networks (Koch et al., 2015)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._common.arguments import number, whole
from ..tasks.task import Examples, Task
from .base import MetaLearner
from .nearest_neighbor import Remembered


class Siamese(MetaLearner):
    """Learn whether two images show the same class; answer with the class of the most similar support example.

    phi is the encoder, which both images of a pair go through, and one weight a feature: the logit of "same" is
    w.|a - b| + b0, and meta-training minimizes the cross-entropy of same and different (Koch et al., 2015, section
    3.1; the paper writes sigmoid(w.|a - b|), and bounds the features by a sigmoid). Training never sees an episode's
    labels, only whether two agree; so it needs no particular ways or shots.

    Args:
        encoder: images (n, ...) -> (n, features).
        features: how many numbers the encoder makes of an image.
        contrastive: whether to minimize the contrastive loss of Hadsell et al. (2006, equation 4) on the Euclidean
            distance D instead: D^2 / 2 for a pair of one class, max(0, margin - D)^2 / 2 for a pair of two; similarity
            is then -D.
        margin: of the contrastive loss, beyond which pairs of two classes cost nothing.

    Raises:
        ValueError: for numbers out of range.
    """

    def __init__(self, encoder: nn.Module, features: int, contrastive: bool = False, margin: float = 1.0) -> None:
        super().__init__()
        self.encoder = encoder
        self.contrastive = contrastive
        self.margin = number("margin", margin, least=0)
        features = whole("features", features)
        self.similarity = None if contrastive else nn.Linear(features, 1)

    def embed(self, x: Tensor) -> Tensor:
        """The encoder's features: (n, d)."""
        return self.encoder(x)

    def similarities(self, a: Tensor, b: Tensor) -> Tensor:
        """How similar every row of `a` (n, d) is to every row of `b` (m, d): (n, m)."""
        differences = (a[:, None] - b).abs()
        if self.similarity is None:
            return -(differences.square().sum(-1) + 1e-12).sqrt()
        return self.similarity(differences).squeeze(-1)

    def objective(self, task: Task) -> Tensor:
        """The mean loss over pairs of a query and a support example; same and different pairs weigh one half each.

        With a single class there are no different pairs, and their half is 0.
        """
        similar = self.similarities(task.query.x, task.support.x)
        same = (self.labels(task.query)[:, None] == self.labels(task.support)).to(similar)
        if self.contrastive:
            losses = same * similar.square() / 2 + (1 - same) * (self.margin + similar).clamp_min(0).square() / 2
        else:
            losses = F.binary_cross_entropy_with_logits(similar, same, reduction="none")
        of_same, of_different = ((losses * kind).sum() / kind.sum().clamp_min(1) for kind in (same, 1 - same))
        return of_same / 2 + of_different / 2

    def adapt(self, support: Examples) -> Remembered:
        """The embedded support set, and its labels."""
        return Remembered(support.x, self.one_hot(support))

    def predict(self, adapted: Remembered, x: Tensor) -> Tensor:
        """The logit of a class is the similarity to its most similar support example."""
        similar = self.similarities(x, adapted.features)
        return torch.where(adapted.labels.bool(), similar[..., None], -torch.inf).amax(1)

"""Fast weights made from the gradients of a support loss: Meta Networks, reduced.

Munkhdalai and Yu (2017, arXiv:1703.00837).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import grad, vmap

from .._common.arguments import number, whole
from ..learners import Frozen, to_features
from ..tasks.task import Examples
from ..update_rules import log_and_sign
from .base import MetaLearner


class FastWeights(NamedTuple):
    """One key (n, d) and one set of fast weights for each support example: (n, hidden, d) and (n, ways, hidden)."""

    keys: Tensor
    hidden: Tensor
    answer: Tensor


class MetaNetworks(MetaLearner):
    """Each support example leaves its gradient behind, turned into fast weights; a query gathers them by attention.

    A base learner with slow weights meets every support example and takes the gradient of its loss. A small network,
    the same for every weight, turns a gradient into a fast weight; a query gathers the fast weights of the examples
    that it resembles, by attention over cosines; and each layer adds the outputs of its slow and of its fast weights
    (Munkhdalai and Yu, 2017, arXiv:1703.00837, section 3; "layer augmentation", figure 2).

    Reduced to that idea: the paper also makes fast weights for the function that represents images, from a
    representation loss; here its features come from `embedding`, which stays frozen.

    Args:
        features: how many numbers are read of an image.
        ways: the most classes that an episode may have.
        hidden: the width of the base learner.
        scale: a factor on the cosines, 0 or more.
        embedding: what turns images into features, copied and frozen; none by default.

    Raises:
        ValueError: if a number is out of range.
    """

    def __init__(
        self, features: int, ways: int, hidden: int = 32, scale: float = 10.0, embedding: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.features = features = whole("features", features)
        self.outputs = ways = whole("ways", ways)
        self.scale = number("scale", scale, least=0)
        self.embedding = nn.Flatten() if embedding is None else Frozen(embedding)
        self.key = nn.Linear(features, features)
        hidden = whole("hidden", hidden)
        self.hidden = nn.Linear(features, hidden, bias=False)
        self.answer = nn.Linear(hidden, ways, bias=False)
        self.fast = nn.Sequential(nn.Linear(2, 20), nn.ReLU(), nn.Linear(20, 1))

    def embed(self, x: Tensor) -> Tensor:
        """Images to features (n, features); features (`Characters.embedded`) stay as they are."""
        return to_features(x, self.features, self.embedding)

    def support_loss(self, slow: tuple[Tensor, Tensor], x: Tensor, y: Tensor) -> Tensor:
        """The base learner's loss on one example (d,), with slow weights only."""
        hidden, answer = slow
        return F.cross_entropy(answer @ (hidden @ x).relu(), y)  # y one-hot: probabilities of classes

    def adapt(self, support: Examples) -> FastWeights:
        """Every support example's key, and its gradient turned into fast weights."""
        slow = self.hidden.weight, self.answer.weight
        gradients = vmap(grad(self.support_loss), in_dims=(None, 0, 0))(
            slow, support.x, self.one_hot(support, self.outputs)
        )
        return FastWeights(self.key(support.x), *(self.fast(log_and_sign(g, p=7)).squeeze(-1) for g in gradients))

    def predict(self, adapted: FastWeights, x: Tensor) -> Tensor:
        """The logits (m, ways) of the base learner with slow weights and, gathered for each query, fast ones."""
        cosines = F.normalize(self.key(x), dim=-1) @ F.normalize(adapted.keys, dim=-1).T
        attention = (self.scale * cosines).softmax(-1)
        fast_hidden = torch.einsum("mn,nhd->mhd", attention, adapted.hidden)
        fast_answer = torch.einsum("mn,nwh->mwh", attention, adapted.answer)
        h = self.hidden(x).relu() + torch.einsum("mhd,md->mh", fast_hidden, x).relu()
        return (self.answer(h) + torch.einsum("mwh,mh->mw", fast_answer, h))[:, : self.ways]

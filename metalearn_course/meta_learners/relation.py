"""Learn the comparison itself: relation networks (Sung et al., 2018, arXiv:1711.06025)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._common.arguments import whole
from ..tasks.task import Examples
from .base import MetaLearner


def squared_error(scores: Tensor, y: Tensor) -> Tensor:
    """The mean squared error of scores (m, ways) against 1 at the label y (m,) and 0 elsewhere (equation 2)."""
    return (scores - F.one_hot(y, scores.shape[-1])).square().mean()


class Relation(MetaLearner):
    """A small network looks at a class and a query side by side and scores how related they are, from 0 to 1.

    phi is the encoder and the relation module. A class is the SUM of its support examples' maps; class and query are
    stacked channel on channel; and the score, a sigmoid, is trained by squared error (Sung et al., 2018,
    arXiv:1711.06025, section 3). The module runs once per task, so the paper's batch norm would mix a query with its
    neighbors: it is a group norm here.

    Args:
        encoder: images (n, 1, 28, 28) -> feature maps (n, channels, h, w).
        channels: of the feature maps.
        hidden: the width of the relation module.

    Raises:
        ValueError: if a number is no whole one from 1.
    """

    def __init__(self, encoder: nn.Module, channels: int = 64, hidden: int = 32) -> None:
        super().__init__(loss=squared_error)
        channels, hidden = whole("channels", channels), whole("hidden", hidden)
        self.encoder = encoder
        self.relation = nn.Sequential(
            nn.Conv2d(2 * channels, hidden, 3, padding=1),
            nn.GroupNorm(max(1, hidden // 8), hidden),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(4 * hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),
            nn.Sigmoid(),
        )

    def embed(self, x: Tensor) -> Tensor:
        """The encoder's feature maps: (n, channels, h, w)."""
        return self.encoder(x)

    def adapt(self, support: Examples) -> Tensor:
        """The sum of each class's feature maps: (ways, channels, h, w)."""
        return torch.einsum("nw,nchv->wchv", self.one_hot(support), support.x)

    def predict(self, classes: Tensor, x: Tensor) -> Tensor:
        """Relation scores (m, ways), between 0 and 1."""
        return self.relation(pairs(classes, x)).view(len(x), len(classes))


def pairs(classes: Tensor, x: Tensor) -> Tensor:
    """Every query beside every class: row q * ways + c is class c, then query q. (m * ways, 2 * channels, h, w)."""
    ways, queries = len(classes), len(x)
    return torch.cat([classes.repeat(queries, 1, 1, 1), x.repeat_interleave(ways, 0)], dim=1)

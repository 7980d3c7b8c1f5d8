"""Compare with the mean of each class: prototypical networks (Snell et al., 2017, arXiv:1703.05175)."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from .._common.arguments import number
from ..tasks.task import Examples
from .base import MetaLearner
from .nearest_neighbor import squared_distances


class Prototypical(MetaLearner):
    """Answer with the class whose prototype is nearest (Snell et al., 2017, arXiv:1703.05175, equations 1 and 2).

    phi is the encoder. The logit of a class is minus the squared Euclidean distance to its prototype, a linear function
    of the query up to a term that all classes share (section 2.4). The paper trains with more ways than it tests with
    (section 2.6).

    Args:
        encoder: images (n, ...) -> (n, d).
        distance: "squared"; "euclidean", its root, and "cosine" are there to be compared with.
        scale: a factor on cosine similarities, 0 or more, since they lie between -1 and 1.

    Raises:
        ValueError: for another distance, and if `scale` is out of range.
    """

    def __init__(self, encoder: nn.Module, distance: str = "squared", scale: float = 10.0) -> None:
        super().__init__()
        if distance not in _LOGITS:
            raise ValueError(f"distance={distance!r} is unknown; choose one of {', '.join(map(repr, _LOGITS))}.")
        self.encoder = encoder
        self.distance = distance
        self.scale = number("scale", scale, least=0)

    def embed(self, x: Tensor) -> Tensor:
        """The encoder's features: (n, d)."""
        return self.encoder(x)

    def adapt(self, support: Examples) -> Tensor:
        """The prototypes (ways, d): the mean of each class's embedded examples (Snell et al.'s equation 1)."""
        labels = self.one_hot(support)
        return labels.T @ support.x / labels.sum(0)[:, None]

    def predict(self, prototypes: Tensor, x: Tensor) -> Tensor:
        """Minus the distance to every prototype, or the cosine: (m, ways)."""
        logits = _LOGITS[self.distance](x, prototypes)
        return self.scale * logits if self.distance == "cosine" else logits


def linear_classifier(prototypes: Tensor) -> tuple[Tensor, Tensor]:
    """The weights (ways, d) and biases (ways,) that the squared distance amounts to (Snell et al., section 2.4).

    -|x - c|^2 = 2 c.x - |c|^2 - |x|^2, and the last term is the same for every class.
    """
    return 2 * prototypes, -prototypes.square().sum(-1)


_LOGITS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "squared": lambda x, c: -squared_distances(x, c),
    "euclidean": lambda x, c: -(squared_distances(x, c).clamp_min(0) + 1e-12).sqrt(),
    "cosine": lambda x, c: F.normalize(x, dim=-1) @ F.normalize(c, dim=-1).T,
}

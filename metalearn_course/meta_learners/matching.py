"""Compare with every support example: matching networks (Vinyals et al., 2016, arXiv:1606.04080)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .._common.arguments import number
from ..tasks.task import Examples
from .base import MetaLearner
from .nearest_neighbor import Remembered


class Matching(MetaLearner):
    """Attend to the support examples; the class probabilities are their labels, weighted by the attention.

    phi is the encoder, the same for support and query. The attention is the softmax of cosine similarities (Vinyals et
    al., 2016, arXiv:1606.04080, equations 1 and 2). The paper's full context embeddings, which read the support set by
    an LSTM and so depend on its order, are left out.

    Args:
        encoder: images (n, ...) -> (n, d).
        scale: a factor on the cosines, 0 or more: they lie between -1 and 1, which leaves the softmax nearly flat.
            1 is the paper's.

    Raises:
        ValueError: if `scale` is out of range.
    """

    def __init__(self, encoder: nn.Module, scale: float = 10.0) -> None:
        super().__init__()
        self.encoder = encoder
        self.scale = number("scale", scale, least=0)

    def embed(self, x: Tensor) -> Tensor:
        """The encoder's features: (n, d)."""
        return self.encoder(x)

    def adapt(self, support: Examples) -> Remembered:
        """The embedded support set, and its labels."""
        return Remembered(support.x, self.one_hot(support))

    def attention(self, adapted: Remembered, x: Tensor) -> Tensor:
        """How much each query attends to each support example: (m, n), rows sum to one."""
        cosines = F.normalize(x, dim=-1) @ F.normalize(adapted.features, dim=-1).T
        return (self.scale * cosines).softmax(-1)

    def predict(self, adapted: Remembered, x: Tensor) -> Tensor:
        """Log-probabilities (m, ways): the softmax of a logarithm of probabilities is the probabilities again."""
        probabilities = self.attention(adapted, x) @ adapted.labels
        return probabilities.clamp_min(1e-12).log()

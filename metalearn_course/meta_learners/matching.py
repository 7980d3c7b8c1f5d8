"""Compare with every support example: matching networks (Vinyals et al., 2016)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ..tasks.task import Examples
from .base import MetaLearner
from .nearest_neighbor import Remembered


class Matching(MetaLearner):
    """Attend to the support examples; the class probabilities are their labels, so weighted.

    phi is the encoder, the same for support and query: images (n, ...) -> (n, d). The attention is the softmax of
    cosine similarities (Vinyals et al., 2016, equations 1 and 2). Cosines lie between -1 and 1, which leaves
    the softmax nearly flat, so they are multiplied by `sharpness`; 1 is the paper's. The paper's full context
    embeddings, which read the support set by an LSTM and so depend on its order, are left out.
    """

    def __init__(self, encoder: nn.Module, sharpness: float = 10.0) -> None:
        super().__init__()
        self.encoder = encoder
        self.sharpness = sharpness

    def embed(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def adapt(self, support: Examples) -> Remembered:
        return Remembered(support.x, self.one_hot(support))

    def attention(self, adapted: Remembered, x: Tensor) -> Tensor:
        """How much each query attends to each support example: (m, n), rows sum to one."""
        cosines = F.normalize(x, dim=-1) @ F.normalize(adapted.features, dim=-1).T
        return (self.sharpness * cosines).softmax(-1)

    def predict(self, adapted: Remembered, x: Tensor) -> Tensor:
        """Log-probabilities (m, ways): the softmax of a logarithm of probabilities is the probabilities again."""
        probabilities = self.attention(adapted, x) @ adapted.labels
        return probabilities.clamp_min(1e-12).log()

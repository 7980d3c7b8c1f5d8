"""Attention over everything read, convolutions that bind a label to its image: SNAIL.

Mishra et al. (2018, arXiv:1707.03141).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import vmap

from .._common.arguments import whole
from ..tasks.task import Examples
from .reader import Reader


class SNAIL(Reader):
    """Causal attention between dilated causal convolutions over (x_t, y_{t-1}), reduced to two of each.

    The paper (Mishra et al., 2018, arXiv:1707.03141, figures 1 and 2) gives each image its own label and the last one
    none, and interleaves many such blocks. Here the label comes one step late, as for the other readers, so that a
    single pass is trained at every step. First a convolution joins two steps in a row: an image and, one step later,
    its label. Attention then finds the steps that look like this one; further convolutions and attention read them.

    Args:
        features: how many numbers are read of an image.
        ways: the most classes that an episode may have.
        width: how many channels each block adds.
        embedding: what turns images into features, copied and frozen; none by default.

    Raises:
        ValueError: if a number is out of range.
    """

    def __init__(self, features: int, ways: int, width: int = 64, embedding: nn.Module | None = None) -> None:
        super().__init__(features, ways, embedding)
        size, width = self.features + self.outputs, whole("width", width)
        self.blocks = nn.Sequential(
            Convolution(size, width, dilation=1),
            Attention(size + width, width),
            Convolution(size + 2 * width, width, dilation=2),
            Attention(size + 3 * width, width),
        )
        self.answer = nn.Linear(size + 4 * width, self.outputs)

    def read(self, x: Tensor, y_before: Tensor) -> Tensor:
        """The logits (T, ways) of a whole sequence in one pass."""
        return self.answer(self.blocks(torch.cat([x, y_before], dim=-1)))

    def adapt(self, support: Examples) -> Sequence:
        """The whole support set, for attention to go back to; its last label has not been read yet."""
        return Sequence(support.x, self.labels_before(support), self.one_hot(support, self.outputs)[-1:])

    def predict(self, adapted: Sequence, x: Tensor) -> Tensor:
        """The logits (m, ways), each query as the next step of the sequence."""

        def answer(one: Tensor) -> Tensor:
            return self.read(torch.cat([adapted.x, one[None]]), torch.cat([adapted.y_before, adapted.last]))[-1]

        return vmap(answer)(x)[:, : self.ways]


class Sequence(NamedTuple):
    """Examples (T, d), the label before each, one-hot (T, ways), and the last label (1, ways)."""

    x: Tensor
    y_before: Tensor
    last: Tensor


class Convolution(nn.Module):
    """A step sees itself and the step `dilation` before it, gated; the result stands beside the input (figure 2a)."""

    def __init__(self, inputs: int, width: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.both = nn.Linear(2 * inputs, 2 * width)

    def forward(self, x: Tensor) -> Tensor:
        """The input (T, inputs), with `width` new channels beside it: (T, inputs + width)."""
        earlier = F.pad(x, (0, 0, self.dilation, 0))[: len(x)]
        candidate, gate = self.both(torch.cat([earlier, x], dim=-1)).chunk(2, dim=-1)
        return torch.cat([x, candidate.tanh() * gate.sigmoid()], dim=-1)


class Attention(nn.Module):
    """A step looks up earlier steps by key and reads their values, which stand beside the input (figure 2c)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(inputs, width) for _ in range(3))

    def weights(self, x: Tensor) -> Tensor:
        """How much step t (row) looks at step s (column): (T, T); rows sum to one, and s is never after t."""
        scores = self.query(x) @ self.key(x).T / math.sqrt(self.key.out_features)
        future = torch.ones_like(scores, dtype=torch.bool).triu(1)
        return scores.masked_fill(future, -torch.inf).softmax(-1)

    def forward(self, x: Tensor) -> Tensor:
        """The input (T, inputs), with the values looked up beside it: (T, inputs + width)."""
        return torch.cat([x, self.weights(x) @ self.value(x)], dim=-1)

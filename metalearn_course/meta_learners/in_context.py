"""A transformer that reads a support set, and whose weights stay: learning in context."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._common.arguments import whole
from ..tasks.task import Examples
from .base import MetaLearner


class InContext(MetaLearner):
    """Attention over the examples of a regression, in several layers.

    After Garg et al. (2022, arXiv:2208.01066) and Raventós et al. (2023, arXiv:2306.15063), smaller, and with one
    difference. They feed x_1, y_1, x_2, y_2, ... to a causal transformer and let it answer at every x. Here an example
    is a single token, (x, y), a query the token (x, 0), and order does not matter, as for a neural process (lesson 05).

    What is adapted is what each layer made of the support set: the keys and values that queries look up. phi is all
    weights.

    Args:
        inputs: how many numbers x has.
        width: of a token inside.
        layers: how many blocks of attention and network.
        heads: how many things a token can look for at once; has to divide the width.

    Raises:
        ValueError: if a number is out of range.
    """

    def __init__(self, inputs: int, width: int = 64, layers: int = 2, heads: int = 4) -> None:
        super().__init__(F.mse_loss)
        self.inputs, width = whole("inputs", inputs), whole("width", width)
        self.token = nn.Linear(self.inputs + 1, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(whole("layers", layers)))
        self.answer = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1))

    def adapt(self, support: Examples) -> Tensor:
        """The tokens of the support set before each block (layers, n, width)."""
        if support.x.shape[1:] != (self.inputs,) or support.y.shape[1:] != (1,):
            raise ValueError(
                f"InContext reads x (n, {self.inputs}) and float targets (n, 1); it got x {tuple(support.x.shape)} and "
                f"y {tuple(support.y.shape)}. Build it with inputs={support.x.shape[-1]}, and give numbers as "
                f"y[:, None]."
            )
        tokens, seen = self.token(torch.cat([support.x, support.y], -1)), []
        for block in self.blocks:
            seen.append(tokens)
            tokens = block(tokens, tokens)
        return torch.stack(seen)

    def predict(self, seen: Tensor, x: Tensor) -> Tensor:
        """The answers (m, 1). A query looks at the support set and at no other query."""
        tokens = self.token(F.pad(x, (0, 1)))
        for block, context in zip(self.blocks, seen, strict=True):
            tokens = block(tokens, context)
        return self.answer(tokens)


class Block(nn.Module):
    """Tokens look at a context, then each goes through a network of its own (Vaswani et al., 2017, figure 1).

    Both add to what is there, and see it normalized first.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = whole("heads", heads)
        if width % self.heads:
            raise ValueError(f"width={width} cannot be divided among heads={heads}; choose a multiple of {heads}.")
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.network = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        """What the tokens (m, width) become, having looked at a context (n, width)."""
        looking, looked_at = self.norms[0](tokens), self.norms[0](context)
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(0, 1)  # (heads, m or n, width / heads)
            for part in (self.query(looking), self.key(looked_at), self.value(looked_at))
        )
        weights = (query @ key.mT / math.sqrt(key.shape[-1])).softmax(-1)
        tokens = tokens + self.out((weights @ value).transpose(0, 1).flatten(1))
        return tokens + self.network(self.norms[1](tokens))

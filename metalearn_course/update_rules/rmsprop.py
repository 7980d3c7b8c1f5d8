"""RMSprop: every coordinate in units of its own recent gradients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .sgd import Params


@dataclass(frozen=True)
class RMSprop:
    """v <- decay * v + (1 - decay) * gradient^2;  theta <- theta - lr * gradient / sqrt(v + epsilon).

    Tieleman and Hinton (2012, lecture 6.5), as torch.optim.RMSprop. `epsilon` stands inside the root, as in `Adam`;
    its square root is what torch.optim.RMSprop calls eps.
    """

    lr: float | Tensor
    decay: float | Tensor = 0.99
    epsilon: float = 1e-16

    def init(self, params: Params) -> Params:
        return {name: torch.zeros_like(p) for name, p in params.items()}

    def update(self, params: Params, grads: Params, state: Params, loss: Tensor) -> tuple[Params, Params]:
        square = {name: self.decay * state[name] + (1 - self.decay) * g * g for name, g in grads.items()}
        params = {name: p - self.lr * grads[name] / (square[name] + self.epsilon).sqrt() for name, p in params.items()}
        return params, square

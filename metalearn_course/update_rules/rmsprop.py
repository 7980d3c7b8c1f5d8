"""RMSprop: every coordinate in units of its own recent gradients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .._common.arguments import number
from .sgd import Params, number_or_tensor


@dataclass(frozen=True)
class RMSprop:
    """v <- decay * v + (1 - decay) * gradient^2;  theta <- theta - lr * gradient / sqrt(v + epsilon).

    Tieleman and Hinton (2012, lecture 6.5), as torch.optim.RMSprop.

    Args:
        lr: the rate; a number, or a tensor that a gradient can reach.
        decay: how much of the running mean v of squared gradients is kept, as a number or a tensor.
        epsilon: added inside the root, as in `Adam`; its square root is what torch.optim.RMSprop calls eps.
    """

    lr: float | Tensor
    decay: float | Tensor = 0.99
    epsilon: float = 1e-16

    def __post_init__(self) -> None:
        for name in ("lr", "decay"):
            object.__setattr__(self, name, number_or_tensor(name, getattr(self, name)))
        object.__setattr__(self, "epsilon", number("epsilon", self.epsilon, least=0))

    def init(self, params: Params) -> Params:
        """The running mean of every squared gradient: zero."""
        return {name: torch.zeros_like(p) for name, p in params.items()}

    def update(self, params: Params, grads: Params, state: Params, loss: Tensor) -> tuple[Params, Params]:
        """One step, every coordinate in units of its recent gradients, whose running mean is the next state."""
        square = {name: self.decay * state[name] + (1 - self.decay) * g * g for name, g in grads.items()}
        params = {name: p - self.lr * grads[name] / (square[name] + self.epsilon).sqrt() for name, p in params.items()}
        return params, square

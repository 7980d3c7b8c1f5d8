"""Gradient descent that remembers where it was going."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .sgd import Params, check_numbers


@dataclass(frozen=True)
class Momentum:
    """v <- momentum * v + gradient;  theta <- theta - lr * v   (as torch.optim.SGD with momentum).

    Args:
        lr: the rate; a number, or a tensor that a gradient can reach.
        momentum: how much of the velocity v is kept, as a number or a tensor.
    """

    lr: float | Tensor
    momentum: float | Tensor = 0.9

    def __post_init__(self) -> None:
        check_numbers(self, "lr", "momentum")

    def init(self, params: Params) -> Params:
        """The velocity of every parameter: zero."""
        return {name: torch.zeros_like(p) for name, p in params.items()}

    def update(self, params: Params, grads: Params, state: Params, loss: Tensor) -> tuple[Params, Params]:
        """One step along the new velocity, which is the next state."""
        velocity = {name: self.momentum * state[name] + g for name, g in grads.items()}
        return {name: p - self.lr * velocity[name] for name, p in params.items()}, velocity

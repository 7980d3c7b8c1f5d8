"""Momentum that looks ahead."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .sgd import Params, check_numbers


@dataclass(frozen=True)
class Nesterov:
    """v <- momentum * v + gradient;  theta <- theta - lr * (gradient + momentum * v).

    Nesterov's accelerated gradient as Sutskever et al. (2013, section 2) relate it to momentum, with the gradient taken
    where the look-ahead stands (as torch.optim.SGD with nesterov=True).

    Args:
        lr: the rate; a number, or a tensor that a gradient can reach.
        momentum: how much of the velocity v is kept, as a number or a tensor.
    """

    lr: float | Tensor
    momentum: float | Tensor = 0.9

    def __post_init__(self) -> None:
        check_numbers(self, "lr", "momentum")

    def init(self, params: Params) -> Params:
        """Every parameter at rest: a velocity of zero."""
        return {name: torch.zeros_like(p) for name, p in params.items()}

    def update(self, params: Params, grads: Params, state: Params, loss: Tensor) -> tuple[Params, Params]:
        """One step of what the velocity will have become, and the new velocity, which is the next state."""
        v = {name: self.momentum * state[name] + g for name, g in grads.items()}
        ahead = {name: g + self.momentum * v[name] for name, g in grads.items()}
        return {name: p - self.lr * ahead[name] for name, p in params.items()}, v

"""Momentum that looks ahead."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .sgd import Params


@dataclass(frozen=True)
class Nesterov:
    """v <- momentum * v + gradient;  theta <- theta - lr * (gradient + momentum * v).

    Nesterov's accelerated gradient as Sutskever et al. (2013, section 2) relate it to momentum, with the gradient taken
    where the look-ahead stands (as torch.optim.SGD with nesterov=True).
    """

    lr: float | Tensor
    momentum: float | Tensor = 0.9

    def init(self, params: Params) -> Params:
        return {name: torch.zeros_like(p) for name, p in params.items()}

    def update(self, params: Params, grads: Params, state: Params, loss: Tensor) -> tuple[Params, Params]:
        velocity = {name: self.momentum * state[name] + g for name, g in grads.items()}
        ahead = {name: g + self.momentum * velocity[name] for name, g in grads.items()}
        return {name: p - self.lr * ahead[name] for name, p in params.items()}, velocity

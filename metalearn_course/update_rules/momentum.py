"""Gradient descent that remembers where it was going."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .sgd import Params


@dataclass(frozen=True)
class Momentum:
    """v <- momentum * v + gradient;  theta <- theta - lr * v   (as torch.optim.SGD with momentum)."""

    lr: float | Tensor
    momentum: float | Tensor = 0.9

    def init(self, params: Params) -> Params:
        return {name: torch.zeros_like(p) for name, p in params.items()}

    def update(self, params: Params, grads: Params, state: Params, loss: Tensor) -> tuple[Params, Params]:
        velocity = {name: self.momentum * state[name] + g for name, g in grads.items()}
        return {name: p - self.lr * velocity[name] for name, p in params.items()}, velocity

"""Gradient descent whose rate is learned: one star."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from .._common.arguments import number
from .sgd import Params


class LearnedRate(nn.Module):
    """theta <- theta - e^a * gradient; phi is `log_lr`, the number a.

    A step of the meta-optimizer multiplies the rate instead of adding to it: the rate stays positive, and reaches
    0.001 as easily as 0.1. lr: the rate before any meta-training.
    """

    def __init__(self, lr: float = 0.01) -> None:
        super().__init__()
        self.log_lr = nn.Parameter(torch.tensor(math.log(number("lr", lr, above=0))))

    def init(self, params: Params) -> Any:
        return ()

    def update(self, params: Params, grads: Params, state: Any, loss: Tensor) -> tuple[Params, Any]:
        lr = self.log_lr.exp()
        return {name: p - lr * grads[name] for name, p in params.items()}, state

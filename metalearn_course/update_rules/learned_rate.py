"""Gradient descent whose rate is learned: a single learned number."""

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
    0.001 as easily as 0.1.

    Args:
        lr: the rate before meta-training, above 0.
    """

    def __init__(self, lr: float = 0.01) -> None:
        super().__init__()
        self.log_lr = nn.Parameter(torch.tensor(math.log(number("lr", lr, above=0))))

    def init(self, params: Params) -> Any:
        """Nothing to remember."""
        return ()

    def update(self, params: Params, grads: Params, state: Any, loss: Tensor) -> tuple[Params, Any]:
        """One step against the gradient, at the learned rate."""
        lr = self.log_lr.exp()
        return {name: p - lr * grads[name] for name, p in params.items()}, state

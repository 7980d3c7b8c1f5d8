"""Stochastic gradient descent: the rule with one star."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

Params = dict[str, Tensor]


@dataclass(frozen=True)
class SGD:
    """theta <- theta - lr * gradient. `lr` may be a tensor, so that a gradient can reach it."""

    lr: float | Tensor

    def init(self, params: Params) -> Any:
        return ()

    def update(self, params: Params, grads: Params, state: Any, loss: Tensor) -> tuple[Params, Any]:
        return {name: p - self.lr * grads[name] for name, p in params.items()}, state

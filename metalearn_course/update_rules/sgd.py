"""Stochastic gradient descent: the rule with a single number to choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from .._common.arguments import number

Params = dict[str, Tensor]


@dataclass(frozen=True)
class SGD:
    """theta <- theta - lr * gradient.

    Args:
        lr: the rate. It may be a tensor, so that a gradient can reach it.
    """

    lr: float | Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "lr", number_or_tensor("lr", self.lr))

    def init(self, params: Params) -> Any:
        """Nothing to remember."""
        return ()

    def update(self, params: Params, grads: Params, state: Any, loss: Tensor) -> tuple[Params, Any]:
        """One step against the gradient."""
        return {name: p - self.lr * grads[name] for name, p in params.items()}, state


def number_or_tensor(name: str, value: float | Tensor) -> float | Tensor:
    """An option of a rule: a tensor stays as it is, so that a gradient can reach it; a number is checked."""
    return value if isinstance(value, Tensor) else number(name, value)


def check_numbers(rule: object, *names: str) -> None:
    """Check these options of a frozen rule by `number_or_tensor`."""
    for name in names:
        object.__setattr__(rule, name, number_or_tensor(name, getattr(rule, name)))

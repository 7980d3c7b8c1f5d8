"""What several checks of lesson 06 work with."""

from typing import Any

import torch
from torch import Tensor, tensor

from metalearn_course.classroom.values import describe
from metalearn_course.tasks.task import Examples
from metalearn_course.update_rules import Params, UpdateRule

F64 = torch.float64


def f64(value: Any) -> Tensor:
    return tensor(value, dtype=F64)


def squares(params: Params, target: Tensor) -> Tensor:
    """(w - target)^2: small enough to follow by hand, with the gradient 2 (w - target)."""
    return (params["w"] - target).square().sum()


def bent(params: Params, batch: Examples) -> Tensor:
    """Two tensors of parameters, and a curvature that differs from place to place."""
    return ((batch.x @ params["w"] + params["b"]).tanh() - batch.y).square().mean() + params["w"].pow(4).sum()


BENT: Params = {"w": f64([0.6, -0.4]), "b": f64(0.2)}
BENT_BATCHES = [
    Examples(f64([[1.0, 0.5], [-0.3, 2.0]]), f64([0.5, -1.0])),
    Examples(f64([[0.2, -1.0]]), f64([1.0])),
    Examples(f64([[-1.0, 1.0], [0.4, 0.8], [1.5, 0.0]]), f64([0.3, 0.9, -0.2])),
]


class Watched:
    """An update rule that remembers the losses it was handed, and says what it cannot use."""

    def __init__(self, rule: UpdateRule) -> None:
        self.__dict__.update(vars(rule))
        self.rule = rule
        self.losses: list[Any] = []

    def init(self, params: Params) -> Any:
        return self.rule.init(params)

    def update(self, params: Params, grads: Params, state: Any, loss: Tensor) -> tuple[Params, Any]:
        self.losses.append(loss)
        if isinstance(grads, Tensor):
            raise TypeError(f"`grads` is a tensor and `loss` {describe(loss)}; expected a dict like `params` first")
        if isinstance(grads, dict) and any(g is None for g in grads.values()):
            raise TypeError("a gradient is None")
        return self.rule.update(params, grads, state, loss)


def missing_slope(gradient: Tensor | None) -> bool:
    return gradient is None or not gradient.any()

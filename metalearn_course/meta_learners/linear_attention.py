"""One layer of linear attention that reads a support set, and can be one step of gradient descent."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._common.arguments import number, whole
from ..tasks.task import Examples
from .base import MetaLearner


class LinearAttention(MetaLearner):
    """Attention without a softmax over the examples of a regression.

    von Oswald et al. (2023, arXiv:2212.07677), sections 2 and 3. A token is e_i = (x_i, y_i), the query is (x, 0), and
    the answer is the mean over examples of (value e_i) * (e_i similarity x). It is linear in x. So all that the support
    set has to say is one vector of weights, and that is what `adapt` makes. phi is `value` and `similarity`.

    With `value` taking rate * y_i and `similarity` comparing the inputs, these weights are those of a linear model
    after one step of gradient descent from zero on half the mean squared error: `LinearAttention.gradient_step`.

    Args:
        inputs: how many numbers x has.

    Raises:
        ValueError: if the number is out of range.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__(F.mse_loss)
        self.inputs = whole("inputs", inputs)
        self.value = nn.Parameter(0.1 * torch.randn(self.inputs + 1))
        self.similarity = nn.Parameter(0.1 * torch.randn(self.inputs + 1, self.inputs))

    @classmethod
    def gradient_step(cls, inputs: int, rate: float) -> LinearAttention:
        """The layer whose weights, set by hand, make it a step of gradient descent at this rate (proposition 1)."""
        layer = cls(inputs)
        with torch.no_grad():
            layer.value.zero_()[-1] = number("rate", rate)
            layer.similarity.zero_()[:-1] = torch.eye(layer.inputs)
        return layer

    def adapt(self, support: Examples) -> Tensor:
        """The weights (inputs,) that one pass over the support set makes."""
        if support.x.shape[1:] != (self.inputs,) or support.y.shape[1:] != (1,):
            raise ValueError(
                f"LinearAttention reads x (n, {self.inputs}) and float targets (n, 1); it got x "
                f"{tuple(support.x.shape)} and y {tuple(support.y.shape)}. Build it with inputs={support.x.shape[-1]}, "
                f"and give numbers as y[:, None]."
            )
        tokens = torch.cat([support.x, support.y], -1)
        return (tokens @ self.value) @ (tokens @ self.similarity) / len(tokens)

    def predict(self, weights: Tensor, x: Tensor) -> Tensor:
        """The answers (m, 1)."""
        return x @ weights[:, None]

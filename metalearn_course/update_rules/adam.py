"""Adam, written so that a gradient can run through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .._common.arguments import number
from .coordinates import no_steps
from .sgd import Params, number_or_tensor


class AdamState(NamedTuple):
    """Running means of every gradient and of its square, by name; and the number of steps so far, a scalar."""

    mean: Params
    square: Params
    steps: Tensor


@dataclass(frozen=True)
class Adam:
    """A step in the direction of the mean gradient over its root mean square.

    Kingma and Ba (2015, arXiv:1412.6980), algorithm 1. The means are kept as precisely as the parameters, the number of
    steps in float32 at least.

    Args:
        lr: the rate; a number, or a tensor that a gradient can reach.
        beta1: how much of the running mean of gradients is kept at a step.
        beta2: how much of the running mean of squared gradients is kept.
        epsilon: added inside the root: outside, the second derivative at a zero gradient is NaN. Its square root is
            therefore what torch.optim.Adam calls eps. Where an inner gradient is exactly zero, the derivative through
            the step is finite and very large, lr / sqrt(epsilon). Raise epsilon where that happens (dead ReLUs), and in
            float16, which rounds 1e-16 to 0.
    """

    lr: float | Tensor
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-16

    def __post_init__(self) -> None:
        object.__setattr__(self, "lr", number_or_tensor("lr", self.lr))
        for name in ("beta1", "beta2"):
            object.__setattr__(self, name, number(name, getattr(self, name), below=1, least=0))
        object.__setattr__(self, "epsilon", number("epsilon", self.epsilon, least=0))

    def init(self, params: Params) -> AdamState:
        """Both means at zero, no step taken."""
        zeros = {name: torch.zeros_like(p) for name, p in params.items()}
        return AdamState(zeros, zeros, no_steps(params))

    def update(self, params: Params, grads: Params, state: AdamState, loss: Tensor) -> tuple[Params, AdamState]:
        """One step of Adam."""
        steps = state.steps + 1
        mean = {k: self.beta1 * state.mean[k] + (1 - self.beta1) * g for k, g in grads.items()}
        square = {k: self.beta2 * state.square[k] + (1 - self.beta2) * g * g for k, g in grads.items()}
        mean_scale, square_scale = 1 - self.beta1**steps, 1 - self.beta2**steps  # the bias towards the zero start
        params = {
            k: p - self.lr * (mean[k] / mean_scale) / (square[k] / square_scale + self.epsilon).sqrt()
            for k, p in params.items()
        }
        return params, AdamState(mean, square, steps)

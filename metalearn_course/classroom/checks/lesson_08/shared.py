"""What several checks of lesson 08 work with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, tensor

from metalearn_course.update_rules import Params


def f64(value: Any) -> Tensor:
    return tensor(value, dtype=torch.float64)


def random_f64(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def squares(params: Params) -> Tensor:
    """A loss with a gradient at every parameter."""
    return torch.stack([p.square().sum() for p in params.values()]).sum()


PART = "the cell was handed a part of phi"
PHI: Params = {
    "read": f64([1.0, -0.5, 0.7]),
    "memory": f64([[0.3, -0.6, 0.2], [0.5, 0.4, -0.1], [-0.2, 0.3, 0.6]]),
    "out": f64([0.4, 0.3, -0.5]),
    "start": f64([0.1, -0.2, 0.3]),
}


def cell(phi: Params, g: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """A small recurrent network: one gradient () and the hidden state (3,) make a step () and the next state."""
    if phi["memory"].shape != (3, 3):
        raise ValueError(f"{PART}, 'memory' of shape {tuple(phi['memory'].shape)}; expected {(3, 3)}")
    if h.shape != (3,):
        raise ValueError(f"the cell was handed `h` of shape {tuple(h.shape)}; expected {(3,)}: it is one coordinate's")
    h = (g * phi["read"] + h @ phi["memory"]).tanh()
    return h @ phi["out"], h


def watchful(phi: Params, g: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Another one, which remembers longer and steps against the gradient as well."""
    step, new = cell(phi, g, h)
    return step - 0.3 * g, (h + new) / 2

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

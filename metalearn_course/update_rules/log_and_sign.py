"""Gradients of any size, made fit for a network to read."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .._common.arguments import number

LARGEST_P = 87.0  # beyond 87.3, e^-p is no normal number in float32; beyond 88.7, e^p is infinite


def log_and_sign(x: Tensor, p: float = 10.0) -> Tensor:
    """Numbers of any size as two numbers of about size one each, in a new last dimension: (...) -> (..., 2).

    (log|x| / p, sign x) where |x| >= e^-p, and (-1, e^p x) below (Andrychowicz et al., 2016, arXiv:1606.04474,
    appendix A). Gradients differ by powers of ten, and a network would see the largest only.

    Args:
        x: (...), of any shape.
        p: decides below which size, e^-p, numbers are read as they are. Values and slopes are finite in float32, at 0
            as well, for every p from 1 to 87.

    Returns:
        (..., 2).

    Raises:
        ValueError: if `p` is not positive.
    """
    p = number("p", p, above=0)
    large = x.abs() >= math.exp(-p)
    size = torch.where(large, x.abs().clamp_min(math.exp(-p)).log() / p, -1.0)
    return torch.stack([size, torch.where(large, x.sign(), math.exp(p) * x)], dim=-1)

"""Parameters as one row of coordinates, for rules that treat all coordinates alike; and their first states."""

from __future__ import annotations

import torch
from torch import Tensor

from .sgd import Params


def flat(tensors: Params, like: Params) -> Tensor:
    """All coordinates in one row (n,), in the order of `like`."""
    return torch.cat([tensors[name].flatten() for name in like])


def shaped(coordinates: Tensor, like: Params) -> Params:
    """The inverse of `flat`: n coordinates under the names and in the shapes of `like`."""
    parts = coordinates.flatten().split([p.numel() for p in like.values()])
    return {name: part.view(p.shape) for part, (name, p) in zip(parts, like.items(), strict=True)}


def zeros(params: Params, *each: int) -> Tensor:
    """(n, *each) zeros: `each` for every one of the n coordinates."""
    return _first(params).new_zeros(sum(p.numel() for p in params.values()), *each)


def no_steps(params: Params) -> Tensor:
    """A counter at 0, in float32 at least: bfloat16 counts to 256 only, and rounds 0.999 to 1."""
    first = _first(params)
    return first.new_zeros((), dtype=torch.promote_types(first.dtype, torch.float32))


def _first(params: Params) -> Tensor:
    if not params:
        raise ValueError("params={} holds no tensor; expected at least one to update. Give a learner with parameters.")
    return next(iter(params.values()))

"""What lesson 01's picture is made of: a trace of `unroll`, a frame for each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ..update_rules import Trace
from .plain import plain

SQUARES = 16


def training_frames(trace: Trace, squares: int = SQUARES, names: Sequence[str] | None = None) -> dict[str, Any]:
    """One frame for each step of a trace, ready for JSON (what is not finite becomes None).

    weights: for each step the values of `squares` weights, spread evenly over all of them (or over `names`).
    loss: for each step. scale: the size of a weight that gets the full color. weight_count: how many weights there are.
    diverged: whether the loss left the finite numbers, rose to ten times its beginning, or ended well above it.
    """
    if not trace.steps:
        raise ValueError("The trace has no steps; unroll at least one batch.")
    chosen = list(trace.steps[0].params) if names is None else list(names)
    flat = torch.stack([torch.cat([s.params[k].detach().flatten() for k in chosen]) for s in trace.steps]).double()
    picked = torch.linspace(0, flat.shape[1] - 1, min(squares, flat.shape[1])).round().long()
    losses = torch.stack([s.loss.detach() for s in trace.steps]).double()
    first, late = losses[0].item(), losses[-max(1, len(losses) // 4) :].median().item()
    exploded = not bool(losses.isfinite().all()) or losses.max().item() > 10 * first or late > 1.5 * first
    calm = flat[:, picked][losses <= 1.5 * first]
    return {
        "weights": plain(flat[:, picked]),
        "loss": plain(losses),
        "scale": float(calm.abs().max()) if len(calm) and calm.abs().max() > 0 else 1.0,
        "weight_count": flat.shape[1],
        "diverged": exploded,
    }

"""What the pictures that move are made of: numbers only, from the same `unroll` as the mathematics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..meta_learners import MAML, FineTuned
from ..tasks.task import Examples
from ..update_rules import SGD, Trace, unroll

SQUARES = 16
INNER_STEPS = (0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 300)
GRID = tuple(round(-5 + 0.1 * i, 1) for i in range(101))


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
        "weights": _finite(flat[:, picked]),
        "loss": _finite(losses),
        "scale": float(calm.abs().max()) if len(calm) and calm.abs().max() > 0 else 1.0,
        "weight_count": flat.shape[1],
        "diverged": exploded,
    }


def two_starts_frames(
    pooled: FineTuned | MAML, learned: FineTuned | MAML, support: Examples, truth: Tensor | None = None
) -> dict[str, Any]:
    """Both starts after 0, 1, 2, ... 300 gradient steps on `support`: curves over x in [-5, 5], ready for JSON.

    truth: the wave's values at the 101 points of the grid, or None where it is unknown. Then errors are None; else
    the mean squared distance to it at each of `steps`.
    """
    x = torch.tensor(GRID)[:, None]
    frames: dict[str, Any] = {
        "x": list(GRID),
        "steps": list(INNER_STEPS),
        "support": {"x": _finite(support.x.flatten()), "y": _finite(support.y.flatten())},
        "truth": None if truth is None else _finite(truth.flatten()),
    }
    for name, meta_learner in (("pooled", pooled), ("learned", learned)):
        with torch.no_grad():
            batches = [support] * INNER_STEPS[-1]
            trace = unroll(meta_learner.support_loss, SGD(meta_learner.lr), meta_learner.start(), batches)
            thetas = [*(step.params for step in trace.steps), trace.params]
            curves = torch.stack([meta_learner.predict(thetas[step], x).flatten() for step in INNER_STEPS])
        error = None if truth is None else _finite((curves - truth.flatten()).square().mean(1))
        frames[name] = {"curves": _finite(curves), "error": error}
    return frames


def _finite(values: Tensor) -> Any:
    """Nested lists of at most five significant digits; None for what JSON cannot say."""
    if values.ndim:
        return [_finite(row) for row in values]
    value = values.item()
    return float(f"{value:.5g}") if math.isfinite(value) else None

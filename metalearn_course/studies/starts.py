"""What lesson 02's widget is made of: two starts that learn from the same few points."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..meta_learners import MAML, FineTuned
from ..tasks.task import Examples
from ..update_rules import SGD, unroll
from .plain import plain

INNER_STEPS = (0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 300)
GRID = tuple(round(-5 + 0.1 * i, 1) for i in range(101))


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
        "support": {"x": plain(support.x.flatten()), "y": plain(support.y.flatten())},
        "truth": None if truth is None else plain(truth.flatten()),
    }
    for name, meta_learner in (("pooled", pooled), ("learned", learned)):
        with torch.no_grad():
            batches = [support] * INNER_STEPS[-1]
            trace = unroll(meta_learner.support_loss, SGD(meta_learner.lr), meta_learner.start(), batches)
            thetas = [*(step.params for step in trace.steps), trace.params]
            curves = torch.stack([meta_learner.predict(thetas[step], x).flatten() for step in INNER_STEPS])
        error = None if truth is None else plain((curves - truth.flatten()).square().mean(1))
        frames[name] = {"curves": plain(curves), "error": error}
    return frames

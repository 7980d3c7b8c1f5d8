"""How far the loss has come with update rules, beside what they answer: lesson 08's picture and widget in numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .plain import plain
from .responses import Responses, signed_log

_POINTS, _MANY = 120, 50


def step_frames(responses: Responses, curves: Mapping[str, Any], horizon: int) -> dict[str, Any]:
    """What the picture and the widget draw, ready for JSON (None where a number is not finite).

    steps, gradients. places: of the gradients on their axis. reach: how far each step's axis of updates goes.
    rules: for each its name, its `updates` (steps, gradients), `actual` (steps, 3): place, gradient and update that the
    coordinate asked really had, and `dots`, places and updates of some pairs that came. curves: for each its name,
    numbers of `steps`, the `mean` loss there with its 95% interval from `low` to `high`, and how many of `problems`
    ended not finite, `diverged`. range: of losses to show. last: the last step on the axis, the horizon at least. log:
    whether steps are on a log axis: beyond three times the horizon.
    """
    if horizon < 1:
        raise ValueError(f"horizon={horizon}; expected the number of steps that the rule was meta-trained on, from 1.")
    losses = {name: np.asarray(values, dtype=float) for name, values in curves.items()}
    for name, values in losses.items():
        if values.ndim != 2 or values.shape[1] < 2:
            raise ValueError(
                f"curves[{name!r}] has shape {values.shape}; expected (problems, steps + 1), as of curves."
            )
    last = max([horizon, *(values.shape[1] - 1 for values in losses.values())])
    log = last > 3 * horizon
    lines = [{"name": name} | _line(values, responses.steps, horizon, log) for name, values in losses.items()]
    return {
        "steps": list(responses.steps),
        "gradients": _plain(responses.gradients),
        "places": _plain(signed_log(responses.gradients)),
        "reach": [_reach(responses, k) for k in range(len(responses.steps))],
        "rules": [
            {
                "name": name,
                "updates": _plain(updates),
                "actual": [[*_plain(signed_log(pair[:1])), *_plain(pair)] for pair in responses.actual(name)],
                "dots": [_dots(pairs) for pairs in responses.pairs[name]],
            }
            for name, updates in responses.updates.items()
        ],
        "curves": lines,
        "last": last,
        "log": log,
        "range": _range(lines),
        "horizon": horizon,
    }


def _reach(responses: Responses, k: int) -> float:
    """As far as nearly all updates go that came at a step, and those of the coordinate asked: a round number."""
    sizes = []
    for name, pairs in responses.pairs.items():
        came = pairs[k, ..., 1].abs().flatten()
        finite = came[came.isfinite()]
        if len(finite):
            sizes.append(float(finite.quantile(0.95)))
        sizes.append(float(responses.actual(name)[k, 1].abs().nan_to_num(0.0, 0.0)))
    size = 1.1 * max(sizes, default=0.0)
    if size <= 0:
        return 1.0
    decade = 10.0 ** math.floor(math.log10(size))
    return float(f"{next(part for part in (1, 1.5, 2, 3, 5, 7, 10) if part * decade >= size * (1 - 1e-9)) * decade:g}")


def _dots(pairs: Tensor) -> list[Any]:
    """Some (place, update), evenly from all problems and coordinates; pairs (problems, coordinates, 2)."""
    finite = pairs.flatten(0, 1)
    finite = finite[finite.isfinite().all(1)]
    some = finite[torch.linspace(0, len(finite) - 1, min(_MANY, len(finite))).round().long()]
    return _plain(np.stack([signed_log(some[:, 0]), some[:, 1].numpy()], -1))


def _line(losses: np.ndarray, marked: Sequence[int], horizon: int, log: bool) -> dict[str, Any]:
    """The mean of losses (problems, steps + 1) with its 95% interval, at a hundred steps or two."""
    last = losses.shape[1] - 1
    spread = np.geomspace(1, last, _POINTS) if log else np.linspace(0, last, _POINTS)
    shown = sorted({*spread.round().astype(int).tolist(), *(k for k in (*marked, horizon) if k <= last)})
    chosen = losses[:, shown]
    finite = np.isfinite(chosen).all(0)
    mean, error = np.full(len(shown), np.nan), np.full(len(shown), np.nan)
    mean[finite] = chosen[:, finite].mean(0)
    error[finite] = 1.96 * chosen[:, finite].std(0, ddof=1) / math.sqrt(len(losses)) if len(losses) > 1 else 0.0
    return {
        "steps": shown,
        "mean": _plain(mean),
        "low": _plain(mean - error),
        "high": _plain(mean + error),
        "diverged": int((~np.isfinite(losses[:, -1])).sum()),
        "problems": len(losses),
    }


def _range(lines: list[dict[str, Any]]) -> list[float]:
    """Of the losses to be shown: down to the lowest mean, up to at most ten times the first."""
    means = [value for line in lines for value in line["mean"] if value is not None and value > 0]
    if not means:
        return [0.1, 10.0]
    first = max((line["mean"][0] for line in lines if line["mean"][0]), default=max(means))
    return [min(means) / 1.4, max(1.4 * min(max(means), 10 * first), 2 * min(means))]


def _plain(values: Any) -> Any:
    return plain(torch.as_tensor(values))

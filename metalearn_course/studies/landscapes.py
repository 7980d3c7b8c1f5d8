"""Lesson 07's numbers: where a start is best before any step, and where it is best when a step may follow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from contourpy import contour_generator
from torch import Tensor
from torch.func import grad, hessian, vmap
from torch.utils._pytree import tree_leaves

from ..update_rules import SGD, Params, unroll
from .plain import plain

Loss = Callable[[Params, Any], Tensor]
Line = list[list[float]]  # points (n, 2)

ALPHAS = (0.0, 0.05, 0.1, 0.15, 0.2)
MOST_TASKS = 5


class Bowl(NamedTuple):
    """A quadratic task: how steep it is, `curvature` (2, 2), and where it is lowest, `bottom` (2,)."""

    curvature: Tensor
    bottom: Tensor


def three_bowls() -> tuple[Loss, list[Bowl]]:
    """`loss(params, bowl)` = 1/2 (w - bottom)^T curvature (w - bottom), and three bowls to take it on.

    One is steep along w1, one steep along w2, one shallow both ways. For `landscape_frames(*three_bowls())`.
    """

    def loss(params: Params, bowl: Bowl) -> Tensor:
        away = params["w"] - bowl.bottom
        return 0.5 * away @ bowl.curvature @ away

    shapes = [((4.5, 0.5), (1.8, 0.4)), ((0.5, 4.5), (-0.4, 1.6)), ((0.5, 0.5), (-2.0, -1.8))]
    return loss, [Bowl(torch.diag(torch.tensor(steep)), torch.tensor(bottom)) for steep, bottom in shapes]


@torch.no_grad()
def landscape_frames(
    loss: Loss,
    tasks: Sequence[Any],
    alphas: Sequence[float] = ALPHAS,
    extent: tuple[float, float] = (-3.0, 3.0),
    points: int = 41,
) -> dict[str, Any]:
    """Mean loss over `tasks` for starts on a grid, before any step and after one at each rate, ready for JSON.

    loss: (params, task) -> scalar, not negative, with params = {"w": (2,)}; a step descends it and is measured by it.
    tasks: one to five of anything that `loss` takes. extent: the grid's ends along both coordinates.

    axis: (points,). before: a map, made of `loss` (points, points) with a row for each w2, contour `lines` and their
    `labels`; after: a map for each alpha. tasks: where each is `lowest`, its `outline`, on which its loss is
    `outline_loss`, and its `gradients` (points, points, 2). pooled, and learned for each alpha: the starts with the
    lowest mean loss before and after a step, as `from_start` tells of them. range: of the shades. levels: of the lines.
    The mean loss after a step is MAML's meta-objective (Finn et al., 2017, section 2.2), with the query set equal to
    the support set. Steps are taken by `unroll`; minima are found from the grid's lowest point by Newton's method.
    """
    if not 1 <= len(tasks) <= MOST_TASKS:
        raise ValueError(f"There are {len(tasks)} tasks; expected 1 to {MOST_TASKS}, an arrow each.")
    if not len(alphas) or points < 3 or not extent[0] < extent[1]:
        raise ValueError(
            f"alphas={tuple(alphas)}, points={points}, extent={extent}; expected at least one alpha, at least 3 points "
            f"and a low end below a high one."
        )
    dtype = _dtype(tasks)
    axis = torch.linspace(*extent, points, dtype=dtype)
    finer = torch.linspace(*extent, 4 * points, dtype=dtype)  # what is narrow stays round
    if (shape := loss({"w": axis[:2]}, tasks[0]).shape) != ():
        raise ValueError(f'loss({{"w": (2,)}}, task) has shape {tuple(shape)}; expected a scalar, shape ().')

    before, lowest = _survey(partial(_mean, loss, tasks), axis)
    after, lowest_after = zip(
        *(_survey(partial(_mean_after, loss, tasks, alpha), axis) for alpha in alphas), strict=True
    )
    pooled, *learned = (from_start(loss, tasks, alphas, w) for w in (lowest, *lowest_after))
    high = float(before.max())
    low = max(min(start["after"][i] for i, start in enumerate(learned)), high / 1e4)
    levels, outline_loss = _round_numbers(low, high), _round_numbers(high / 1e4, high / 50)[-1]
    told = []
    for task in tasks:
        alone, lowest = _survey(partial(_mean, loss, [task]), finer)
        _, gradients = vmap(vmap(partial(_step, loss, 0.0, task)))(_grid(axis))
        outline = _lines(finer, alone, outline_loss)
        told.append({"lowest": plain(lowest), "outline": outline, "gradients": plain(gradients)})
    drawn = [point for task in told for line in [[task["lowest"]], *task["outline"]] for point in line]
    return {
        "axis": plain(axis),
        "alphas": list(map(float, alphas)),
        "before": _map(axis, before, levels, drawn + [start["at"] for start in (pooled, *learned)]),
        "after": [
            _map(axis, values, levels, drawn + _along_arrows(pooled, i) + _along_arrows(start, i))
            for i, (values, start) in enumerate(zip(after, learned, strict=True))
        ],
        "tasks": told,
        "pooled": pooled,
        "learned": learned,
        "range": [low, high],
        "levels": levels,
        "outline_loss": outline_loss,
    }


@torch.no_grad()
def from_start(loss: Loss, tasks: Sequence[Any], alphas: Sequence[float], start: Any) -> dict[str, Any]:
    """What a step from one start comes to, ready for JSON.

    at: (2,). before: the mean loss there. after: (alphas,), the mean loss once each task has taken its step. adapted:
    (alphas, tasks, 2), where the steps lead.
    """
    w = torch.as_tensor(start, dtype=_dtype(tasks))
    return {
        "at": plain(w),
        "before": plain(_mean(loss, tasks, w)),
        "after": [plain(_mean_after(loss, tasks, alpha, w)) for alpha in alphas],
        "adapted": [[plain(_step(loss, alpha, task, w)[0]) for task in tasks] for alpha in alphas],
    }


def nearest(frames: dict[str, Any], start: Sequence[float]) -> dict[str, Any]:
    """What `from_start` would tell of the grid's point that is nearest to `start`."""
    axis = np.array(frames["axis"])
    i, j = (int(np.abs(axis - coordinate).argmin()) for coordinate in start)
    at = [frames["axis"][i], frames["axis"][j]]
    gradients = [task["gradients"][j][i] for task in frames["tasks"]]
    return {
        "at": at,
        "before": frames["before"]["loss"][j][i],
        "after": [a_map["loss"][j][i] for a_map in frames["after"]],
        "adapted": [
            [[w - alpha * g for w, g in zip(at, gradient, strict=True)] for gradient in gradients]
            for alpha in frames["alphas"]
        ],
    }


def _dtype(tasks: Sequence[Any]) -> torch.dtype:
    tensors = (leaf for leaf in tree_leaves(list(tasks)) if isinstance(leaf, Tensor) and leaf.is_floating_point())
    return next((tensor.dtype for tensor in tensors), torch.get_default_dtype())


def _step(loss: Loss, alpha: float, task: Any, w: Tensor) -> tuple[Tensor, Tensor]:
    """Where one gradient step on `task` leads from `w`, and the gradient it followed."""
    trace = unroll(loss, SGD(alpha), {"w": w}, [task])
    return trace.params["w"], trace.steps[0].grads["w"]


def _mean(loss: Loss, tasks: Sequence[Any], w: Tensor) -> Tensor:
    return torch.stack([loss({"w": w}, task) for task in tasks]).mean()


def _mean_after(loss: Loss, tasks: Sequence[Any], alpha: float, w: Tensor) -> Tensor:
    return torch.stack([loss({"w": _step(loss, alpha, task, w)[0]}, task) for task in tasks]).mean()


def _grid(axis: Tensor) -> Tensor:
    """Starts (points, points, 2): a row for each w2, a column for each w1."""
    return torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)


def _survey(f: Callable[[Tensor], Tensor], axis: Tensor) -> tuple[Tensor, Tensor]:
    """`f` on the grid, and where it is lowest: from the grid downhill by Newton's method, with absolute curvatures.

    A step that does not descend is halved; the search ends where none does.
    """
    values = vmap(vmap(f))(_grid(axis))
    if values.min() < 0:
        raise ValueError(f"A loss is {values.min():.3g}; its logarithm is shaded, so it must not be negative.")
    w = _grid(axis).flatten(0, 1)[values.nan_to_num(math.inf).argmin()]
    for _ in range(100):
        curvatures, directions = torch.linalg.eigh(hessian(f)(w))
        step = directions @ ((directions.T @ grad(f)(w)) / curvatures.abs().clamp(min=1e-6))
        shorter = (w - step / 2**k for k in range(12))
        lower = next((v for v in shorter if f(v) < f(w)), None)
        if lower is None:
            break
        w = lower
    if w.min() < axis[0] or w.max() > axis[-1]:
        ends = f"({axis[0]:g}, {axis[-1]:g})"
        raise ValueError(f"A minimum lies at ({w[0]:.2f}, {w[1]:.2f}), off the map; widen extent={ends}.")
    return values, w


def _lines(axis: Tensor, values: Tensor, level: float) -> list[Line]:
    """The contour lines of one level: where the values are it, with straight lines between neighbors on the grid."""
    finite = np.ma.masked_invalid(values.numpy())
    lines: Any = contour_generator(axis.numpy(), axis.numpy(), finite, name="mpl2014").lines(level)[0]
    return [line.round(3).tolist() for line in lines if len(line) > 1]


def _map(axis: Tensor, values: Tensor, levels: list[float], drawn: Line) -> dict[str, Any]:
    """Losses, contour lines, and a place for each level's label (level, w1, w2): far from the points `drawn`."""
    lines, labels, taken = [], [], np.array(drawn)
    middle, inside = float(axis.mean()), 0.47 * float(axis[-1] - axis[0])
    for level in levels:
        of_level = _lines(axis, values, level)
        lines += of_level
        places = np.array([point for line in of_level for point in line]).reshape(-1, 2)
        places = places[(np.abs(places - middle) < inside).all(1)]
        if len(places):
            apart = np.linalg.norm(places[:, None] - taken, axis=-1).min(1)
            labels.append([level, *places[apart.argmax()].tolist()])
            taken = np.concatenate([taken, places[[apart.argmax()]]])
    return {"loss": plain(values), "lines": lines, "labels": labels}


def _along_arrows(record: dict[str, Any], at: int) -> Line:
    """Points on the arrows from a start, the start among them."""
    start, ends = np.array(record["at"]), np.array(record["adapted"][at])
    return np.concatenate([start + part * (ends - start) for part in np.linspace(0, 1, 20)]).tolist()


def _round_numbers(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each decade, as far as they lie between `low` and `high`."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    return [value for d in decades for digit in (1, 2, 5) if low < (value := float(f"{digit}e{d}")) < high]

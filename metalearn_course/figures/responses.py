"""Lesson 08's picture, its numbers: what update rules answer to a gradient, and how far the loss has come with them."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import vmap
from torch.utils._pytree import tree_map

from ..evaluation import in_mode
from ..meta_learners import TrainedBy
from ..studies.plain import plain as _finite
from ..tasks.task import Task, TaskDistribution, check_tasks
from ..update_rules import Params, UpdateRule, unroll
from ..update_rules.coordinates import flat, shaped
from .palette import LEARNED, strokes

SMALLEST = 1e-6
_POINTS, _MANY = 120, 50
_TICKS = range(-4, 9, 2)
_DASHES = [[], [1.5, 1.5], [8, 2, 1.5, 2], [4, 1.5], [3, 1.5, 1, 1.5, 1, 1.5]]
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class _Moment(NamedTuple):
    """What an update rule is given."""

    params: Params
    grads: Params
    state: Any
    loss: Tensor


class Responses(NamedTuple):
    """What rules answer to gradients.

    steps: numbers of updates, the first being 1. gradients: those asked about, (n,). updates: for each rule, what
    would be added to the coordinate asked, (steps, n). pairs: gradients and updates as they came, for each rule
    (steps, problems, coordinates, 2). coordinate: the one that was asked, of problem 0.
    """

    steps: tuple[int, ...]
    gradients: Tensor
    updates: dict[str, Tensor]
    pairs: dict[str, Tensor]
    coordinate: int

    def actual(self, rule: str) -> Tensor:
        """The gradient that the coordinate asked really had, and its update: (steps, 2)."""
        return self.pairs[rule][:, 0, self.coordinate]


def signed_log(x: Any, smallest: float = SMALLEST) -> np.ndarray:
    """sign(x) log10(1 + |x| / smallest): where x stands on an axis that shows both signs and all sizes; 0 is at 0."""
    array = np.asarray(x, dtype=float)
    return np.sign(array) * np.log10(1 + np.abs(array) / smallest)


@torch.no_grad()
def update_responses(
    rules: Mapping[str, UpdateRule],
    trainer: TrainedBy,
    tasks: TaskDistribution,
    steps: Sequence[int] = (1, 20, 80),
    gradients: Tensor | None = None,
    coordinate: int = 0,
    problems: int = 64,
    seed: int = 0,
) -> Responses:
    """Train by each rule, stop before update k of `steps`, and ask: what would the update be if the gradient were g?

    Asked is one `coordinate` of the first problem: its gradient is replaced by each of `gradients`, and all else stays
    as it is: the rule's state, the weights, the loss and the other gradients. By default the gradients are 0 and, in
    equal steps of their logarithm, ±10^-6 to ±100. All rules meet the same `problems` and begin at the same weights;
    `trainer` says how to train, its own rule is not used. Questions are answered in double precision, since the
    difference of two float32 weights would not show the smallest updates.
    """
    if not steps or min(steps) < 1 or list(steps) != sorted(set(steps)):
        raise ValueError(f"steps={tuple(steps)}; expected numbers of updates from 1, each once and in order.")
    if problems < 1:
        raise ValueError(f"problems={problems}; expected at least 1. Raise problems.")
    if gradients is None:
        sizes = torch.logspace(math.log10(SMALLEST), 2, 41, dtype=torch.float64)
        gradients = torch.cat([-sizes.flip(0), sizes.new_zeros(1), sizes])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        drawn = tasks.sample(problems, torch.Generator().manual_seed(seed))
        check_tasks(drawn)
        start = vmap(lambda _: trainer.start(), randomness="different")(drawn.support.x)
    count = sum(p[0].numel() for p in start.values())
    if not 0 <= coordinate < count:
        raise ValueError(f"coordinate={coordinate}; the learner has {count} weights. Choose one of 0 to {count - 1}.")

    updates, pairs = {}, {}
    for name, rule in rules.items():
        asked = copy.deepcopy(rule).double() if isinstance(rule, nn.Module) else rule
        answers, came = [], []
        for moment in _moments(trainer.by(rule), start, drawn, steps):
            of_first = tree_map(lambda t: t[0], moment)
            answers.append(vmap(_instead, (None, None, None, 0))(asked, of_first, coordinate, gradients.double()))
            came.append(vmap(_pairs, (None, 0))(asked, moment))
        updates[name], pairs[name] = torch.stack(answers), torch.stack(came)
    return Responses(tuple(steps), gradients, updates, pairs, coordinate)


def _moments(run: TrainedBy, params: Params, tasks: Task, steps: Sequence[int]) -> Iterator[_Moment]:
    """A stack of trainings, as they are when the rule is asked for the updates `steps`; in double precision."""

    def train(params: Params, state: Any, task: Task, step: int) -> tuple[Params, Any, _Moment]:
        after = unroll(run.batch_loss, run.rule, params, [run.mini_batch(task.support, step)], state, first_order=True)
        [before] = after.steps
        return after.params, after.state, _Moment(params, before.grads, state, before.loss)

    with in_mode(run):
        state = vmap(run.rule.init)(params)
        for step in range(steps[-1]):
            params, state, moment = vmap(train, (0, 0, 0, None))(params, state, tasks, step)
            if step + 1 in steps:
                yield tree_map(lambda t: t.double() if t.is_floating_point() else t, moment)


def _update(rule: UpdateRule, moment: _Moment) -> Tensor:
    """What the rule adds to every coordinate: (n,)."""
    return flat(rule.update(*moment)[0], moment.params) - flat(moment.params, moment.params)


def _pairs(rule: UpdateRule, moment: _Moment) -> Tensor:
    """Every coordinate's gradient and update: (n, 2)."""
    return torch.stack([flat(moment.grads, moment.params), _update(rule, moment)], -1)


def _instead(rule: UpdateRule, moment: _Moment, coordinate: int, gradient: Tensor) -> Tensor:
    """What the rule would add to a coordinate if it had another gradient."""
    grads = flat(moment.grads, moment.params)
    grads = torch.where(torch.arange(len(grads)) == coordinate, gradient, grads)
    return _update(rule, moment._replace(grads=shaped(grads, moment.params)))[coordinate]


def step_frames(responses: Responses, curves: Mapping[str, Any], horizon: int) -> dict[str, Any]:
    """What the picture and the widget draw, ready for JSON (None where a number is not finite).

    steps. places: of the gradients on their axis, and its ticks. reach: how far each step's axis of updates goes.
    rules: for each its name, color, dash and marker, its `updates` (steps, gradients), `actual` (steps, 3): place,
    gradient and update that the coordinate asked really had, and `dots`, places and updates of some pairs that came.
    curves: for each its name and looks, numbers of `steps`, the `mean` loss there with its 95% interval from `low` to
    `high`, and how many of `problems` ended not finite, `diverged`. range: of losses to show. last: the last step on
    the axis, the horizon at least. log: whether steps are on a log axis: beyond three times the horizon.
    """
    if horizon < 1:
        raise ValueError(f"horizon={horizon}; expected the number of steps that the rule was meta-trained on, from 1.")
    losses = {name: np.asarray(values, dtype=float) for name, values in curves.items()}
    for name, values in losses.items():
        if values.ndim != 2 or values.shape[1] < 2:
            raise ValueError(
                f"curves[{name!r}] has shape {values.shape}; expected (problems, steps + 1), as of curves."
            )
    looks = _looks([*responses.updates, *(name for name in losses if name not in responses.updates)])
    last = max([horizon, *(values.shape[1] - 1 for values in losses.values())])
    log = last > 3 * horizon
    lines = [_line(values, responses.steps, horizon, log) | looks[name] for name, values in losses.items()]
    least, most = float(responses.gradients.min()), float(responses.gradients.max())
    ticks = (
        [(-(10.0**e), f"−{_power(e)}") for e in _TICKS[::-1]] + [(0.0, "0")] + [(10.0**e, _power(e)) for e in _TICKS]
    )
    return {
        "steps": list(responses.steps),
        "gradients": _rounded(responses.gradients),
        "places": _rounded(signed_log(responses.gradients)),
        "ticks": [[float(signed_log(value)), text] for value, text in ticks if least <= value <= most],
        "reach": [_reach(responses, k) for k in range(len(responses.steps))],
        "rules": [
            {
                "updates": _rounded(updates),
                "actual": [[*_rounded(signed_log(pair[:1])), *_rounded(pair)] for pair in responses.actual(name)],
                "dots": [_dots(pairs) for pairs in responses.pairs[name]],
            }
            | looks[name]
            for name, updates in responses.updates.items()
        ],
        "curves": lines,
        "last": last,
        "log": log,
        "range": _range(lines),
        "horizon": horizon,
    }


def _looks(names: list[str]) -> dict[str, dict[str, Any]]:
    """Name, color, dash and marker of every rule; a learned rule's color comes with a dash and a marker of its own."""
    others, looks = iter(list(zip(_DASHES, "s^Dvs", strict=True)) * len(names)), {}
    for name, stroke in zip(names, strokes(names), strict=True):
        dash, marker = ([7, 2], "o") if stroke.color == LEARNED else next(others)
        looks[name] = {"name": name, "color": stroke.color, "dash": dash, "marker": marker}
    return looks


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
    return _rounded(np.stack([signed_log(some[:, 0]), some[:, 1].numpy()], -1))


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
        "mean": _rounded(mean),
        "low": _rounded(mean - error),
        "high": _rounded(mean + error),
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


def _power(exponent: int) -> str:
    """10 to it, as an axis shows it: plain from 1 to 100."""
    return f"{10**exponent}" if 0 <= exponent <= 2 else "10" + str(exponent).translate(_RAISED)


def _rounded(values: Any) -> Any:
    return _finite(torch.as_tensor(values))

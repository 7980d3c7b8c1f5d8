"""compare: every method on the same held-out episodes, and on the learner's own symbols."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .._common.arguments import whole
from ..meta_learners.base import MetaLearner
from ..tasks.check import draw
from ..tasks.task import TaskDistribution, one_task
from .evaluate import Evaluation, evaluate
from .metrics import accuracy, half_width
from .predictions import in_mode

_TIMED = 20


@dataclass(frozen=True, eq=False)
class Row:
    """One method, measured.

    difference: mean and 95% half-width of its metric (accuracy by default) minus the reference's, episode by episode;
    None for the reference itself. parameters: how many numbers phi holds, frozen ones too. seconds: of meta-training,
    None where nothing was trained. milliseconds: to learn from one support set (`fit`), NaN where none was finite.
    symbols: the result on the learner's own.
    """

    name: str
    result: Evaluation
    difference: tuple[float, float] | None
    parameters: int
    seconds: float | None
    milliseconds: float
    symbols: Evaluation | None


def compare(
    meta_learners: Mapping[str, MetaLearner],
    tasks: TaskDistribution,
    *,
    symbols: TaskDistribution | None = None,
    against: str | None = None,
    metric: Callable[[Tensor, Tensor], Tensor] = accuracy,
    episodes: int = 600,
    seed: int = 1,
    progress: bool = False,
) -> list[Row]:
    """Evaluate every meta-learner on the same tasks.

    Differences are taken within episodes. Similar methods find the same episodes hard, so their difference is known
    more exactly than from episodes of their own. So an interrupt ends the comparison: fewer episodes of one method
    cannot stand beside all of another.

    Args:
        meta_learners: by name.
        tasks: where the tasks come from.
        symbols: further tasks, of the learner's own symbols; none by default.
        against: the name of the reference, which the others are compared with; the last by default.
        metric: (predictions, y) of one task -> scalar, such as `mse` in regression.
        episodes: how many tasks, 2 or more.
        seed: of the tasks, and of whatever else is drawn.
        progress: whether to show a bar for each method.

    Returns:
        A `Row` for each, in their order.

    Raises:
        ValueError: without a meta-learner, for a reference of no known name, and for numbers out of range.
        KeyboardInterrupt: at an interrupt.
    """
    seed = whole("seed", seed, -(2**63))
    if not meta_learners:
        raise ValueError("compare needs at least one meta-learner; it got none.")
    against = list(meta_learners)[-1] if against is None else against
    if against not in meta_learners:
        raise ValueError(f"against={against!r} is none of the methods: {', '.join(map(repr, meta_learners))}.")

    def result(name: str, of: TaskDistribution) -> Evaluation:
        measured = evaluate(meta_learners[name], of, metric=metric, episodes=episodes, seed=seed, progress=progress)
        if len(measured.per_task) < episodes:
            raise KeyboardInterrupt(f"compare was stopped at {name!r}; evaluate gives what a single method has so far.")
        return measured

    results = {name: result(name, tasks) for name in meta_learners}
    return [
        Row(
            name=name,
            result=results[name],
            difference=None if name == against else _difference(results[name].per_task, results[against].per_task),
            parameters=sum(p.numel() for p in meta_learner.parameters()),
            seconds=meta_learner.trained_seconds,
            milliseconds=_milliseconds(meta_learner, tasks, seed),
            symbols=None if symbols is None else result(name, symbols),
        )
        for name, meta_learner in meta_learners.items()
    ]


def _difference(scores: Tensor, reference: Tensor) -> tuple[float, float]:
    """The mean of paired differences and 1.96 standard errors."""
    each = scores - reference
    return each.mean().item(), half_width(each)


def _milliseconds(meta_learner: MetaLearner, tasks: TaskDistribution, seed: int) -> float:
    """The median time of `fit` over several support sets."""
    batch, times = draw(tasks, _TIMED, torch.Generator().manual_seed(seed)), []
    with in_mode(meta_learner), torch.random.fork_rng(devices=[]):
        for i in range(_TIMED):
            support = one_task(batch, i).support
            if not all(values.isfinite().all() for values in support):
                continue  # evaluate counts such a task; fit refuses it
            began = time.perf_counter()
            meta_learner.fit(support)
            times.append(time.perf_counter() - began)
    return 1000 * sorted(times)[len(times) // 2] if times else math.nan

"""tune: the best rate of a hand-written rule, by a search with the same limit for every rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .._common.arguments import numbers, whole
from ..meta_learners.trained_by import TrainedBy
from ..tasks.task import TaskDistribution
from ..update_rules import UpdateRule
from .curves import curves

_NEAR = 1.4 * (1 + 1e-9)  # the largest factor between the best value and its neighbors, with room for rounding
_HELD_OUT = 1  # the seed that curves draws its problems from


@dataclass(frozen=True, eq=False)
class Tuned:
    """The best of the values tried: `value`, its `loss`, the `rule` made of it, and `tried`: value -> loss, sorted."""

    value: float
    loss: float
    tried: dict[float, float]
    rule: UpdateRule

    def __str__(self) -> str:
        below, above = _neighbors(self.tried, self.value)
        return (
            f"{self.value:.3g} with loss {self.loss:.4g}, the best of {len(self.tried)} values from "
            f"{min(self.tried):.3g} to {max(self.tried):.3g} (its neighbors: {below:.3g} and {above:.3g})"
        )


def tune(
    rule: Callable[[float], UpdateRule],
    grid: Iterable[float],
    tasks: TaskDistribution,
    trainer: TrainedBy,
    *,
    problems: int = 128,
    seed: int = 1000,
    trials: int = 16,
) -> Tuned:
    """Find the value, usually a rate, for which `rule(value)` trains best.

    A value's loss is the mean query loss after the last of `trainer`'s steps: on the same problems and from the same
    fresh weights for every value and every rule. A loss that is not finite is infinitely bad, even if a single problem
    made it so; of equal losses the smallest value counts as best.

    After all of `grid` come values that depend on the losses so far. While the best lies at an edge, the next value is
    as far beyond it as its neighbor is on the other side: the best of a grid is no optimum if it lies at the edge. Once
    it is interior, the wider of the gaps beside it is halved (geometrically), until both neighbors are within a factor
    1.4.

    Args:
        rule: makes a rule of a value, such as SGD or `lambda lr: Adam(lr)`.
        grid: positive numbers, 2 or more, that are tried first.
        tasks: where the problems come from.
        trainer: a `TrainedBy` whose rule is replaced.
        problems: how many, 2 or more.
        seed: of the problems. Not 1, from which `curves` draws the held-out ones.
        trials: the most values that are tried.

    Returns:
        The best value, its loss, what was tried, and the rule, as a `Tuned`.

    Raises:
        TypeError: if `rule` makes no rules, or `trainer` is no `TrainedBy`.
        ValueError: for numbers out of range, and for a search that is not done after all trials.
    """
    if hasattr(rule, "update") and not isinstance(rule, type):
        kind = type(rule).__name__
        raise TypeError(
            f"rule is a finished {kind}; expected what makes one of a number, such as lambda lr: {kind}(lr)."
        )
    if not callable(rule):
        raise TypeError(f"rule={rule!r}; expected what makes a rule of a number, such as SGD or lambda lr: Adam(lr).")
    if not isinstance(trainer, TrainedBy):
        raise TypeError(f"trainer is a {type(trainer).__name__}; expected a TrainedBy, whose rule will be replaced.")
    trials, seed = whole("trials", trials), whole("seed", seed, -(2**63))
    if seed == _HELD_OUT:
        raise ValueError(f"seed={seed} draws the held-out problems of curves. Tune on others: seed=1000.")
    given = numbers("grid", grid, above=0)
    values = sorted(set(given))
    if len(values) < 2:
        raise ValueError(f"grid={given}; expected at least 2 different positive numbers, such as (0.01, 0.1, 1).")
    if trials < len(values):
        raise ValueError(
            f"trials={trials}; the grid alone has {len(values)} values. Raise trials, or shorten the grid."
        )

    def loss(value: float) -> float:
        mean = curves(trainer.by(rule(value)), tasks, problems=problems, seed=seed)[:, -1].mean().item()
        return mean if math.isfinite(mean) else math.inf

    tried = {value: loss(value) for value in values}
    while (value := _next(tried)) is not None:
        if len(tried) >= trials:
            best = _best(tried)
            raise ValueError(
                f"{trials} trials were not enough: the best so far is {best:.3g} with loss {tried[best]:.4g}, "
                f"{_doubt(tried, best)}. Give a grid around it, grid=({best / 2:.3g}, {best:.3g}, {best * 2:.3g}), "
                f"or more trials."
            )
        tried = dict(sorted({**tried, value: loss(value)}.items()))
    best = _best(tried)
    return Tuned(best, tried[best], tried, rule(best))


def _best(tried: Mapping[float, float]) -> float:
    return min(tried, key=lambda value: (tried[value], value))


def _neighbors(tried: Mapping[float, float], value: float) -> tuple[float, float]:
    """The values tried next to `value`; 0 and infinity beyond the edges."""
    values = [0.0, *tried, math.inf]
    at = values.index(value)
    return values[at - 1], values[at + 1]


def _next(tried: Mapping[float, float]) -> float | None:
    """The value to try next; None when the best is interior and its neighbors are near."""
    best = _best(tried)
    below, above = _neighbors(tried, best)
    if below == 0:
        return best * (best / above)
    if above == math.inf:
        return best * (best / below)
    if max(best / below, above / best) <= _NEAR:
        return None
    return math.sqrt(below * best) if best / below >= above / best else math.sqrt(best * above)


def _doubt(tried: Mapping[float, float], best: float) -> str:
    """What keeps the best value from being an optimum."""
    below, above = _neighbors(tried, best)
    if below == 0 or above == math.inf:
        return f"the {'smallest' if below == 0 else 'largest'} value tried"
    return f"between {below:.3g} and {above:.3g}, further away than a factor 1.4"

"""The check of exercise 8.4, tune_fairly."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show

_GRID = [0.25, 0.5, 1.0, 2.0, 4.0]
_TUNING, _HELD_OUT = tensor([-1.7, -1.4, 2.0]), tensor([-0.4, 2.1, 1.6])


def _score(rate: Any, problems: Tensor) -> Tensor:
    """Problems are numbers: a problem is easiest at the rate 2 ** problem."""
    return 1 + (torch.as_tensor(float(rate)).log2() - problems).square()


def _means(score: Callable[..., Tensor], grid: list[float], problems: Tensor) -> str:
    return ", ".join(f"{score(rate, problems).mean():.3g} at {rate:g}" for rate in grid)


@exercise(
    lesson="08",
    number=4,
    title="a fair reference",
    minutes=10,
    difficulty=2,
    stretch=True,
    mistakes=(
        "tunes_on_held_out",
        "best_rate_per_problem",
        "reports_tuning_loss",
        "accepts_edge",
        "widens_one_side",
        "widens_once",
        "nan_wins",
        "leaves_out_diverged",
        "swaps_the_pair",
        "takes_median",
        "always_doubles",
        "widens_by_adding",
    ),
    hints=(
        "If the best rate is the largest that you tried, what do you know about larger ones? And when may you look at "
        "the held-out problems?",
        "One mean loss for each rate of the grid, over the tuning problems; what is not finite counts as infinity. "
        "While the lowest stands at an end of the grid, put another rate beyond that end, and ask again. Score "
        "the held-out problems once, at the very end.",
        "`mean = lambda rate: score(rate, tuning).mean().nan_to_num(math.inf).item()`; `while True:` find "
        "`best = min(grid, key=mean)`; if it is `grid[0]`, go on with `[grid[0] / factor, *grid]`, if `grid[-1]`, with "
        "`[*grid, grid[-1] * factor]`; otherwise return `best, score(best, held_out).mean().item()`.",
    ),
)
def tune_fairly(answer: Answer) -> str:
    rate, loss = answer(_score, list(_GRID), _TUNING, _HELD_OUT, like=(0.0, 0.0))
    right = _score(1.0, _HELD_OUT).mean().item()
    if near(rate, right) and near(loss, 1.0):
        raise Mistake(
            "swaps_the_pair",
            f"You return ({rate:.4g}, 1): the right numbers, the other way round. The rate comes first, then its loss.",
        )
    other, _ = answer(_score, list(_GRID), _TUNING, _HELD_OUT - 3.0, like=(0.0, 0.0))
    told = f"The mean loss of the tuning problems is {_means(_score, _GRID, _TUNING)}, and you choose {rate:.4g}"
    if not near(rate, other):
        raise Mistake(
            "tunes_on_held_out",
            f"{told}, but {other:.4g} once the held-out problems are replaced by others: they had a say in it. A "
            "rate that was chosen on the problems it is judged on has an advantage that your learned rule does not "
            "have. Choose on the tuning problems alone.",
        )
    _name_the_oracle(rate, loss, told)
    if near(rate, 0.25):
        raise Mistake(
            "takes_median",
            f"{told}, which has the lowest **median**. The fight is about means here: a median does not see the "
            "problem on which the rate is very wrong. Judge by what the test will judge by.",
        )
    expect_close(rate, 1.0, told)
    expect_close(loss, right, "the mean held-out loss at the rate 1")
    _expect_interior(answer)
    _expect_divergence(answer)
    grid, shift = [0.01 * 1.5**k for k in range(4)], math.log2(0.01) + 3.3
    want = min((0.01 * 1.5**k for k in range(20)), key=lambda r: _score(r, _TUNING + shift).mean().item())
    rate, loss = answer(_score, grid, _TUNING + shift, _HELD_OUT + shift, like=(0.0, 0.0))
    told = f"The grid {show(tensor(grid))} goes on by factors of 1.5, and its best rate is {want:.4g}"
    if any(near(rate, grid[-1] * 2**k) for k in range(1, 9)):
        raise Mistake(
            "always_doubles",
            f"{told}. Yours is {rate:.4g}: beyond {grid[-1]:.4g} you doubled. Widen by the factor that the grid has, "
            "or the rates get further apart there, and the best is missed.",
        )
    expect_close(rate, want, told)
    expect_close(loss, _score(want, _HELD_OUT + shift).mean().item(), f"{told}. Its held-out loss")
    return "the reference got its best rate, and saw no more of the test than your rule did."


def _name_the_oracle(rate: float, loss: float, told: str) -> None:
    tables = [torch.stack([_score(r, problems) for r in _GRID]) for problems in (_TUNING, _HELD_OUT)]
    own = tensor(_GRID)[tables[0].argmin(0)]
    if any(near(loss, table.min(0).values.mean().item()) for table in tables) or any(
        near(rate, number.item()) for number in (own.mean(), own.median(), own.log().mean().exp())
    ):
        raise Mistake(
            "best_rate_per_problem",
            f"{told}, with the loss {loss:.4g}. That is made of the best rate of each problem by itself, "
            f"{show(own)} on the tuning problems. Nobody knows these before having tried all rates on that very "
            "problem: it is an oracle. Take the mean over the problems first, and then one rate for all of them.",
        )
    if near(rate, 1.0) and near(loss, tables[0][2].mean().item()):
        raise Mistake(
            "reports_tuning_loss",
            f"{told}: right. But the loss that you report, {loss:.4g}, is that of the tuning problems, for which the "
            "rate was chosen. Report that of the held-out problems.",
        )


def _expect_interior(answer: Answer) -> None:
    """The optimum lies far beyond one end of the grid, then beyond the other."""
    found, seen = {}, []

    def watched(rate: Any, problems: Tensor) -> Tensor:
        seen.append(float(rate))
        return _score(rate, problems) if seen[-1] > 0 else torch.full_like(problems, torch.inf)

    for end, shift in ((4.0, 9.0), (0.25, -9.0)):
        try:
            found[end] = answer(watched, list(_GRID), _TUNING + shift, _HELD_OUT, like=(0.0, 0.0))[0]
        except Mistake:
            if min(seen) > 0:
                raise
        if min(seen) <= 0:
            raise Mistake(
                "widens_by_adding",
                f"With the tuning problems moved, the best rate lies far below {_GRID[0]:g}, and you tried the rate "
                f"{min(seen):g}. Rates are compared by factors: beyond the smallest, divide by the factor of the grid.",
            )
    wants, factors = {4.0: 2.0**9, 0.25: 2.0**-9}, {4.0: 2.0, 0.25: 0.5}
    stuck = [end for end, rate in found.items() if near(rate, end)]
    beyond = "With the tuning problems moved, the grid"
    if len(stuck) == 2:
        raise Mistake(
            "accepts_edge",
            f"{beyond} {show(tensor(_GRID))} has its lowest mean loss at an end, and you choose that end: "
            f"{found[4.0]:g}, or {found[0.25]:g}. Nothing says that the loss would not go on falling beyond it. A "
            "reference whose rate stands at the edge of its grid was not tuned: widen the grid until the best rate has "
            "worse ones on both sides.",
        )
    for end in stuck:
        raise Mistake(
            "widens_one_side",
            f"{beyond} {show(tensor(_GRID))} is widened at one end, but not at the other: there you choose {end:g}, "
            "the edge. The best rate needs worse ones on both sides.",
        )
    for end, rate in found.items():
        if not near(rate, wants[end], rtol=1e-3, atol=0.0):
            shifted = _TUNING + (9.0 if end == 4.0 else -9.0)
            next_rate = rate * factors[end]
            here, there = (_score(r, shifted).mean().item() for r in (rate, next_rate))
            name = "widens_once" if there < here else "wrong_value"
            raise Mistake(
                name,
                f"{beyond} has its best rate far beyond {end:g}, and you choose {rate:.4g}, with the mean loss "
                f"{here:.4g}. At {next_rate:.4g}, the next, it would be {there:.4g}. Go on widening by the factor of "
                "the grid for as long as the best rate stands at an end.",
            )


def _diverges(rate: Any, problems: Tensor) -> Tensor:
    """The problem 1 ends in NaN from the rate 2 on."""
    return torch.where((problems == 1.0) & (float(rate) > 1.5), math.nan, _score(rate, problems))


def _expect_divergence(answer: Answer) -> None:
    tuning = tensor([1.0, 2.2, 1.9])
    losses = _means(_diverges, _GRID, tuning)
    told = f"One of the tuning problems diverges from the rate 2 on, so that the mean losses are {losses}"
    try:
        rate, _ = answer(_diverges, list(_GRID), tuning, _HELD_OUT[1:], like=(0.0, 0.0))
    except Mistake as mistake:
        if mistake.name not in ("timeout", "not_finite"):
            raise
        raise Mistake("nan_wins", f"{told}. {_NAN} What happened: {mistake.message}", mistake.name) from None
    if near(rate, 4.0):
        raise Mistake(
            "leaves_out_diverged",
            f"{told}, and you choose 4: the diverged problem was left out of the mean. Then a rate is the better the "
            "more problems it ruins. A loss that is not finite is infinitely bad, and so is its mean.",
        )
    if rate > 1.5:
        raise Mistake("nan_wins", f"{told}, and you choose {rate:.4g}. {_NAN}")
    expect_close(rate, 1.0, f"{told}. The rate to choose")


_NAN = (
    "NaN was taken for the lowest loss, as torch's `argmin` and `min` take it. Make it infinity before you compare: "
    "`nan_to_num(math.inf)`."
)

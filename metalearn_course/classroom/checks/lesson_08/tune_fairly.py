"""The check of exercise 8.4, tune_fairly."""

import math
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor, tensor

from ..at_random import Draw, at_random
from ..kit import Answer, Case, Check, Mistake, equals, fails, looks, near, rival, rivals, same
from .problems import diverges, score, starts_badly

Score = Callable[[float, Tensor], Tensor]


def tuned(summary: Callable[[Tensor], Tensor]) -> Callable[..., tuple[float, float]]:
    """The exercise, for any summary of the losses."""

    def tune(score: Score, grid: list[float], tuning: Tensor, held_out: Tensor) -> tuple[float, float]:
        factor = grid[1] / grid[0]
        while True:
            best = min(grid, key=lambda rate: summary(score(rate, tuning)).nan_to_num(math.inf).item())
            if grid[0] < best < grid[-1]:
                return best, score(best, held_out).mean().item()
            grid = [grid[0] / factor, *grid, grid[-1] * factor]

    return tune


def tune_fairly(score: Score, grid: list[float], tuning: Tensor, held_out: Tensor) -> tuple[float, float]:
    return tuned(torch.mean)(score, grid, tuning, held_out)


def moved(factor: float) -> Tensor:
    """Tuning problems whose best rate lies far beyond the end of the grid that this factor leads to."""
    return TUNING + 9 * math.log2(factor)


def beyond(function: Answer, end: float, factor: float) -> dict[str, Any]:
    """What is chosen there, and the smallest rate that was tried: once it is not above 0, no choice is waited for."""
    rate, seen = math.nan, [math.inf]

    def watched(rate: Any, problems: Tensor) -> Tensor:
        seen.append(float(rate))
        return score(rate, problems) if seen[-1] > 0 else torch.full_like(problems, torch.inf)

    try:
        rate, _ = function(watched, list(GRID), moved(factor), HELD_OUT, like=(0.0, 0.0))
    except Mistake:
        if min(seen) > 0:
            raise
    return {"rate": rate, "least": min(seen), "stuck": near(rate, end)}


def is_made_of_many(got: tuple[float, float], others: tuple[float, float]) -> bool:
    """A rate or a loss that comes from the best rate of each problem by itself, for two sets of problems."""
    pairs = zip(made_of_many(PLAIN), made_of_many(OTHERS), strict=True)
    return any(near(got[i], one) and near(others[i], other) for (i, one), (_, other) in pairs)


def made_of_many(on: Case) -> list[tuple[int, Tensor]]:
    tables = [torch.stack([score(rate, on.inputs[problems]) for rate in GRID]) for problems in ("tuning", "held_out")]
    own = tensor(GRID)[tables[0].argmin(0)]
    rates = own.mean(), own.median(), own.log().mean().exp()
    return [(0, rate) for rate in rates] + [(1, table.amin(0).mean()) for table in tables]


def any_problems(draw: Draw) -> Case:
    """The best of three rates, or one beyond them, far from a tie: the mean is at a rate, give or take a fifth."""
    grid = [0.1 * 1.7**k for k in range(3)]
    spread = draw.normal(5)
    best = math.log2(grid[0]) + (draw.count(-3, 4) + draw.number(-0.2, 0.2)) * math.log2(1.7)
    return Case(score=score, grid=grid, tuning=best + spread - spread.mean(), held_out=draw.normal(3))


def stops_early(got: dict[str, Any], factor: float) -> dict[str, float] | None:
    then = factor * got["rate"]
    here, there = (score(rate, moved(factor)).mean().item() for rate in (got["rate"], then))
    return {"here": here, "then": then, "there": there} if there < here else None


GRID, TUNING, HELD_OUT = [0.25, 0.5, 1.0, 2.0, 4.0], tensor([-1.7, -1.4, 2.0]), tensor([-0.4, 2.1, 1.6])
PLAIN = Case(score=score, grid=GRID, tuning=TUNING, held_out=HELD_OUT)
OTHERS = PLAIN.but(tuning=tensor([-2.0, 0.4, 2.0]))
ABOVE, BELOW = (Case(beyond, end=end, factor=factor) for end, factor in ((4.0, 2.0), (0.25, 0.5)))
DIVERGING = Case(score=diverges, grid=GRID, tuning=tensor([1.0, 2.2, 1.9]), held_out=HELD_OUT[1:])
FINE, MOVED = [0.01, 0.015, 0.0225, 0.03375], math.log2(0.01) + 3.3
FINER = Case(score=score, grid=FINE, tuning=TUNING + MOVED, held_out=HELD_OUT + MOVED)
STARTS_BADLY = DIVERGING.but(score=starts_badly)
BROKEN = DIVERGING.but(tuning=tensor([0.8, 1.3]), held_out=tensor([1.0, 0.5]))
RATE = itemgetter(0)

CHECK = Check(
    tune_fairly,
    rivals(PLAIN, {"swaps_the_pair": lambda want: want[::-1]}),
    same(PLAIN, PLAIN.but(held_out=HELD_OUT - 3), "tunes_on_held_out", of=RATE),
    looks(PLAIN, "best_rate_per_problem", is_made_of_many, others=OTHERS),
    rivals(PLAIN, {"reports_tuning_loss": lambda tuning: (1.0, score(1.0, tuning).mean())}),
    rival(PLAIN, "takes_median", tuned(torch.median), of=RATE, also=(FINER,)),
    equals(PLAIN, "{losses}. The rate to choose", of=RATE),
    equals(PLAIN, "the mean held-out loss at the rate 1", of=itemgetter(1)),
    looks(BELOW, "widens_by_adding", lambda got: got["least"] <= 0),
    looks(ABOVE, "accepts_edge", lambda got, below: got["stuck"] and below["stuck"], below=BELOW),
    *(looks(case, "widens_one_side", lambda got: got["stuck"]) for case in (ABOVE, BELOW)),
    *(looks(case, "widens_once", stops_early) for case in (ABOVE, BELOW)),
    *(equals(case, "{moved}. Yours", of=itemgetter("rate"), rtol=1e-3, atol=0.0) for case in (ABOVE, BELOW)),
    fails(DIVERGING, "nan_wins/fails", "timeout", "not_finite"),
    looks(DIVERGING, "leaves_out_diverged", lambda got: near(got[0], 4.0)),
    looks(DIVERGING, "nan_wins", lambda got: got[0] > 1.5),
    equals(DIVERGING, "{diverged}. The rate to choose", of=RATE),
    fails(STARTS_BADLY, "nan_wins/low", "raised", match="below 1e-6"),
    looks(STARTS_BADLY, "nan_wins/low", lambda got: got[0] < 0.3 and {"error": f"you choose {got[0]}"}),
    looks(BROKEN, "wrong_value/hides", lambda got: math.isfinite(got[1]), raw=True),
    looks(FINER, "always_doubles", lambda got, grid: any(near(got[0], grid[-1] * 2**k) for k in range(1, 9))),
    equals(FINER, "{finer}. The pair that you return, its part "),
    at_random(any_problems, what="another grid, {grid}, and other problems: the pair, its part ", rtol=1e-3),
)

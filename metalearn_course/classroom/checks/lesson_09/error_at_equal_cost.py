"""The check of exercise 9.4, error_at_equal_cost."""

from torch import Tensor, tensor

from ..at_random import Draw, at_random
from ..kit import Case, Check, equals, looks, near, same


def error_at_equal_cost(bias: float, variance: float, cost: float, budget: float | Tensor) -> float | Tensor:
    return bias**2 + variance * cost / budget


def moves_the_wrong_way(got: float, dearer: float, richer: float) -> bool:
    return dearer < got or richer > got


def anything(draw: Draw) -> Case:
    numbers = {name: draw.number(1.5, 9.0) for name in ("variance", "cost", "budget")}
    return Case(bias=draw.number(-3.0, -0.5), **numbers)


NOISY, NOISELESS = (Case(bias=b, variance=v, cost=2.0, budget=6.0) for b, v in ((0.0, 12.0), (-3.0, 0.0)))
DEARER, RICHER, TENFOLD = NOISY.but(cost=4.0), NOISY.but(budget=12.0), NOISELESS.but(budget=60.0)
BOTH, BETWEEN = Case(bias=2.0, variance=12.0, cost=0.5, budget=4.0), NOISY.but(budget=7.0)
ONE = NOISY.but(cost=4.0, budget=48.0)

CHECK = Check(
    error_at_equal_cost,
    looks(NOISY, "takes_the_root", lambda got, one: near(got, 2.0) and near(one, 1.0), one=ONE),
    looks(NOISY, "forgets_cost", lambda got, dearer: near(got, dearer), dearer=DEARER),
    looks(NOISY, "cost_upside_down", moves_the_wrong_way, dearer=DEARER, richer=RICHER),
    same(NOISELESS, TENFOLD, "bias_averages_out"),
    looks(NOISELESS, "adds_bias", lambda got: near(abs(got), 3.0)),
    equals(NOISY, "bias 0, variance 12, cost 2 and budget 6: three estimates, so the error"),
    *(equals(case, "bias -3 and variance 0: the error, whatever the budget") for case in (NOISELESS, TENFOLD)),
    equals(BOTH, "bias 2, variance 12, cost 0.5 and budget 4: the error"),
    looks(BETWEEN, "rounds_n", lambda got: any(near(got, 12 / n) for n in (3, 4))),
    equals(BETWEEN, "bias 0, variance 12, cost 2 and budget 7: 3.5 estimates, so the error"),
    equals(BOTH.but(budget=tensor([1.0, 2.5, 10.0])), "bias 2, variance 12, cost 0.5 and the budgets {budget}"),
    equals(NOISY.but(budget=0.5), "bias 0, variance 12, cost 2 and budget 0.5: a quarter of an estimate, so the error"),
    at_random(anything),
)

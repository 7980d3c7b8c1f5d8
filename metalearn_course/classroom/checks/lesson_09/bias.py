"""The check of exercise 9.3, bias."""

from operator import itemgetter

import torch
from torch import Tensor, tensor

from ..at_random import at_random
from ..kit import Case, Check, equals, looks, near, relates, same


def bias(estimates: Tensor, exact: Tensor) -> tuple[Tensor, Tensor]:
    errors = estimates - exact
    return errors.mean(), 1.96 * errors.std() / len(errors) ** 0.5


MEAN, HALF = itemgetter(0), itemgetter(1)
RIGHT_ON_AVERAGE = Case(estimates=tensor([1.0, 5.0]).repeat(50), exact=tensor(3.0))
TOO_LOW = RIGHT_ON_AVERAGE.but(exact=tensor(5.0))
FOUR_TIMES = TOO_LOW.but(estimates=tensor([1.0, 5.0]).repeat(200))
SKEWED = Case(estimates=torch.linspace(-1, 2, 60).double().exp(), exact=tensor(1.5).double())

CHECK = Check(
    bias,
    looks(RIGHT_ON_AVERAGE, "swaps_the_pair", lambda got, want: near(got[::-1], want, rtol=0.03)),
    looks(RIGHT_ON_AVERAGE, "forgets_exact", lambda got: near(got[0], 3.0)),
    looks(RIGHT_ON_AVERAGE, "absolute_errors", lambda got, low: got[0] > 1e-5 and low[0] > 0, low=TOO_LOW),
    equals(RIGHT_ON_AVERAGE, "{on_average}. The bias", of=MEAN),
    looks(TOO_LOW, "exact_minus_estimates", lambda got: near(got[0], 2.0)),
    equals(TOO_LOW, "{too_low}. The bias", of=MEAN),
    same(TOO_LOW, RIGHT_ON_AVERAGE, "spread_around_exact", of=HALF),
    relates(TOO_LOW, FOUR_TIMES, "no_sqrt_n", lambda got, then: then[1] <= 0.75 * got[1]),
    relates(TOO_LOW, FOUR_TIMES, "divides_by_n", lambda got, then: then[1] >= 0.35 * got[1]),
    looks(TOO_LOW, "one_standard_error", lambda got, want: near(1.96 * got[1], want[1], rtol=0.03)),
    equals(TOO_LOW, "{too_low}. Half the width of the 95% interval (to 3%)", of=HALF, rtol=0.03),
    equals(SKEWED, "60 other estimates, (bias, half-width) to 3%", rtol=0.03),
    at_random(
        lambda draw: Case(estimates=3 + 2 * draw.normal(draw.count(50, 90)), exact=tensor(draw.number(-1.0, 1.0))),
        what="{estimates.shape} other estimates, (bias, half-width) to 3%",
        rtol=0.03,
    ),
)

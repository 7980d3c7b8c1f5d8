"""The check of exercise 9.3, bias."""

from __future__ import annotations

import math

import torch
from torch import Tensor, tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show


@exercise(
    lesson="09",
    number=3,
    title="is it biased?",
    minutes=6,
    difficulty=1,
    mistakes=(
        "absolute_errors",
        "no_sqrt_n",
        "divides_by_n",
        "one_standard_error",
        "spread_around_exact",
        "exact_minus_estimates",
        "forgets_exact",
        "swaps_the_pair",
    ),
    hints=(
        "Noise lies above the truth as often as below. What is left of it when the differences are averaged, and what "
        "if their signs are taken away first?",
        "The mean of the differences, with their signs, is one number. How well it is known depends on how far the "
        "estimates lie from each other, and on how many there are: four times as many, half the interval.",
        "`errors = estimates - exact`, and return `errors.mean()` and `1.96 * errors.std() / len(errors) ** 0.5`.",
    ),
)
def bias(answer: Answer) -> str:
    like, estimates = (tensor(0.0), tensor(0.0)), tensor([1.0, 5.0]).repeat(50)
    centered, half_centered = answer(estimates, tensor(3.0), like=like)
    if near(half_centered, 0.0) and near(centered, 1.96 * 2 / 10, rtol=0.03):
        raise Mistake(
            "swaps_the_pair",
            f"{_ON_AVERAGE}: the bias is 0, and there is noise. You return ({show(centered.item())}, 0), the other way "
            "round: the bias comes first, then half the width.",
        )
    if near(centered, 3.0):
        raise Mistake(
            "forgets_exact",
            f"{_ON_AVERAGE}: the bias is 0. Yours is 3, the mean of the estimates themselves: by how much do they lie "
            "above the exact value? Subtract it.",
        )
    if not near(centered, 0.0):
        _name_what_never_cancels(centered, answer(estimates, tensor(5.0), like=like)[0])
    mean, half = answer(estimates, tensor(5.0), like=like)
    told = "Of 100 estimates, 50 are 1 and 50 are 5, and the exact value is 5"
    if near(mean, 2.0):
        raise Mistake(
            "exact_minus_estimates",
            f"{told}: the estimates are too low, by 2 on average, but your bias is +2. It says how far they lie above "
            "the truth: subtract the exact value from the estimates, and keep the sign.",
        )
    expect_close(mean, -2.0, f"{told}. The bias")
    if not near(half, half_centered):
        raise Mistake(
            "spread_around_exact",
            f"{told}: you return ± {show(half.item())}. With the same estimates and the exact value 3, it was ± "
            f"{show(half_centered.item())}. How well their mean is known does not depend on where the truth lies: take "
            "the standard deviation of the estimates around their own mean.",
        )
    _name_the_width(half, answer(estimates.repeat(4), tensor(5.0), like=like)[1], told)
    expect_close(half, 1.96 * 2 / 10, f"{told}. Half the width of the 95% interval (to 3%)", rtol=0.03)
    skewed = torch.linspace(-1, 2, 60, dtype=torch.float64).exp()
    got = answer(skewed, tensor(1.5, dtype=torch.float64), like=(skewed[0], skewed[0]))
    want = skewed.mean() - 1.5, 1.96 * skewed.std() / math.sqrt(60)
    expect_close(got, want, "60 other estimates, (bias, half-width) to 3%", rtol=0.03)
    return "a bias counts when its interval does not hold 0."


_ON_AVERAGE = "Of 100 estimates, 50 are 1 and 50 are 5, and the exact value is 3, so that they are right on average"


def _name_what_never_cancels(centered: Tensor, off: Tensor) -> None:
    if centered > 0 and off > 0:
        raise Mistake(
            "absolute_errors",
            f"{_ON_AVERAGE}: the bias is 0. Yours is {show(centered.item())}, because every "
            "error counts as positive, and nothing can cancel. That measures noise and bias together, and would call "
            "every noisy estimator biased. Keep the signs.",
        )
    expect_close(centered, 0.0, f"{_ON_AVERAGE}. The bias")


def _name_the_width(half: Tensor, of_more: Tensor, told: str) -> None:
    """`of_more` comes from four times as many estimates."""
    right = 1.96 * 2 / 10
    if of_more > 0.75 * half:
        raise Mistake(
            "no_sqrt_n",
            f"{told}: ± {show(half.item())}, and for 400 such estimates ± {show(of_more.item())}. That is how far "
            "single estimates lie from each other. The mean of many is known better, by the square root of their "
            "number: four times as many, half the interval.",
        )
    if of_more < 0.35 * half:
        raise Mistake(
            "divides_by_n",
            f"{told}: ± {show(half.item())}, and for 400 such estimates ± {show(of_more.item())}, a quarter. An "
            "average of four times as many is twice as good, not four times: divide by the square root of n, or chance "
            "will soon look like bias.",
        )
    if near(1.96 * half, right, rtol=0.03):
        raise Mistake(
            "one_standard_error",
            f"{told}: ± {show(half.item())} is one standard error. An interval of that width misses the truth in one "
            "of three experiments; for one of twenty, take 1.96 of them.",
        )

"""The check of exercise 2.3, best_single_prediction."""

from __future__ import annotations

import math

import torch
from torch import tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near


@exercise(
    lesson="02",
    number=3,
    title="the best single prediction",
    minutes=7,
    difficulty=2,
    mistakes=("assumes_full_circle", "averages_parameters", "forgets_amplitude"),
    hints=(
        "Stand at x = 0. Every wave passes it at height a sin p. Which single number has the smallest mean squared "
        "distance from all those heights?",
        "The best single prediction is the mean of a sin(x + p) over all waves. Amplitude and phase are drawn "
        "independently, so it is the mean of a, times the mean of sin(x + p) for p between 0 and pi.",
        "The mean of a is 2.55, and the integral of sin(x + p) over p from 0 to pi is 2 cos x; divide that by the "
        "length of its interval. Or average `torch.sin` over a fine grid of phases.",
    ),
)
def best_single_prediction(answer: Answer) -> str:
    x = tensor([[0.0], [1.0], [math.pi / 2], [math.pi], [5.0]])
    got = answer(x, like=x)
    at_0 = round(got[0].item(), 2) + 0.0  # never "-0.00"
    if near(got, torch.zeros_like(x), atol=0.1):
        raise Mistake(
            "assumes_full_circle",
            f"You predict {at_0:.2f} at x = 0. But with a phase between 0 and pi every wave passes x = 0 at a sin p, "
            "which is never negative: the waves would cancel only over the full circle. Predicting 0 costs more than "
            "it has to.",
        )
    if near(got, 2.55 * torch.cos(x), atol=0.1):
        raise Mistake(
            "averages_parameters",
            f"You predict {at_0:.2f} at x = 0: that is the wave of the average amplitude and the average phase. The "
            "waves there have heights a sin p, and sin p is 1 for a single phase and less for all others. Average "
            "the predictions, not the parameters.",
        )
    if near(got, 2 / math.pi * torch.cos(x), atol=0.1):
        raise Mistake(
            "forgets_amplitude",
            f"You predict {at_0:.2f} at x = 0: the mean of sin p, as if every wave had amplitude 1. Amplitudes lie "
            "between 0.1 and 5.",
        )
    place = "the best prediction at x = 0, 1, pi/2, pi and 5 (to 0.1)"
    expect_close(got, 2.55 * 2 / math.pi * torch.cos(x), place, rtol=0.0, atol=0.1)
    one = tensor([[-4.0]])
    expect_close(answer(one, like=one), 1.6234 * torch.cos(one), "the best prediction at x = -4 (to 0.1)", 0.0, 0.1)
    return "1.62 cos x: the mean of all waves, and itself none of them."

"""The check of exercise 3.4, confidence_interval."""

from operator import itemgetter

import torch
from torch import Tensor

from metalearn_course.classroom.randomness import seeded

from ..at_random import Draw, at_random
from ..kit import Case, Check, equals, looks, rival


def confidence_interval(correct: Tensor) -> tuple[Tensor, Tensor]:
    rates = correct.mean(1)
    return rates.mean(), 1.96 * rates.std() / len(rates) ** 0.5


def any_answers(draw: Draw) -> Case:
    rates = torch.linspace(0.3, 1.0, draw.count(70, 90))[:, None]
    return Case(correct=torch.rand(len(rates), draw.count(3, 8), generator=draw.generator).lt(rates).float())


HALVES = Case(correct=torch.ones(100, 10) * (torch.arange(100) % 2)[:, None])
ALIKE = Case(correct=torch.ones(100, 10) * (torch.arange(10) % 2))
MORE_QUERIES = Case(correct=HALVES.inputs["correct"].repeat(1, 4))
MORE_EPISODES = Case(correct=HALVES.inputs["correct"].repeat(4, 1))
MIXED = Case(correct=torch.rand(60, 5, generator=seeded(0)).lt(torch.linspace(0.3, 1.0, 60)[:, None]).float())
mean, half = itemgetter(0), itemgetter(1)

CHECK = Check(
    confidence_interval,
    equals(HALVES, "the mean accuracy of {halves}", of=mean),
    looks(HALVES, "averages_over_episodes", lambda got, alike: half(got) < 1e-5 < half(alike), alike=ALIKE),
    looks(HALVES, "counts_queries", lambda got, more: half(more) < 0.75 * half(got), more=MORE_QUERIES),
    looks(HALVES, "no_sqrt_n", lambda got, more: half(more) > 0.75 * half(got) > 0, more=MORE_EPISODES),
    rival(HALVES, "one_standard_error", lambda want: (0.0, half(want) / 1.96), of=half, rtol=0.05, also=(MIXED,)),
    equals(HALVES, "half the width of the 95% interval for {halves} (to 12%)", of=half, rtol=0.12),
    equals(MIXED, "the mean accuracy of 60 other episodes of 5 queries", of=mean),
    equals(MIXED, "their half-width (to 12%)", of=half, rtol=0.12),
    at_random(any_answers, what="the mean accuracy of answers of shape {correct.shape}", of=mean),
    at_random(any_answers, what="half the width, for answers of shape {correct.shape} (to 12%)", of=half, rtol=0.12),
)

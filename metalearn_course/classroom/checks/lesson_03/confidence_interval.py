"""The check of exercise 3.4, confidence_interval."""

from __future__ import annotations

import math

import torch
from torch import tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show
from metalearn_course.classroom.randomness import seeded


@exercise(
    lesson="03",
    number=4,
    title="an honest interval",
    minutes=10,
    difficulty=3,
    stretch=True,
    mistakes=("counts_queries", "no_sqrt_n", "one_standard_error", "averages_over_episodes"),
    hints=(
        "Ask each of 100 episodes a thousand queries instead of ten. How much more do you know about episodes that you "
        "never drew?",
        "Queries of one episode share its classes and its support set, so an episode is one sample: reduce each to its "
        "accuracy first. Then it is the standard error of a mean.",
        "`rates = correct.mean(1)`, and the half-width is `1.96 * rates.std() / len(rates) ** 0.5`.",
    ),
)
def confidence_interval(answer: Answer) -> str:
    like = tensor(0.0), tensor(0.0)
    halves = torch.ones(100, 10) * (torch.arange(100) % 2)[:, None]
    mean, half = answer(halves, like=like)
    what = "100 episodes of 10 queries, 50 of them all right and 50 all wrong"
    expect_close(mean, 0.5, f"the mean accuracy of {what}")
    alike = torch.ones(100, 10) * (torch.arange(10) % 2)
    of_alike = answer(alike, like=like)[1]
    if near(half, 0.0) and not near(of_alike, 0.0):
        raise Mistake(
            "averages_over_episodes",
            f"{what}: ± {show(half.item())}, as if nothing were left to chance; 100 episodes with the same 5 of 10 "
            f"right gave ± {show(of_alike.item())}, though they do not differ. Your rates are those of the 10 query "
            "places, averaged over episodes: average within each episode, over dimension 1.",
        )
    more_queries = answer(halves.repeat(1, 4), like=like)[1]
    if more_queries < 0.75 * half:
        raise Mistake(
            "counts_queries",
            f"{what}: ± {show(half.item())}. With 40 queries each, every episode still all right or all wrong: ± "
            f"{show(more_queries.item())}. But nothing new was learned about episodes: queries of one are not "
            "independent, and an interval that counts them is too narrow.",
        )
    more_episodes = answer(halves.repeat(4, 1), like=like)[1]
    if more_episodes > 0.75 * half and half > 0:
        raise Mistake(
            "no_sqrt_n",
            f"100 episodes gave ± {show(half.item())}, 400 episodes ± {show(more_episodes.item())}. That is how far "
            "episodes lie from each other; how well their mean is known improves with their number: four times as "
            "many, half the interval.",
        )
    right = 1.96 * halves.mean(1).std() / 10
    if near(1.96 * half, right, rtol=0.05):
        raise Mistake(
            "one_standard_error",
            f"± {show(half.item())} is one standard error, which holds the true mean in 68% of all evaluations; 95% "
            "need 1.96.",
        )
    expect_close(half, right, f"half the width of the 95% interval for {what} (to 12%)", rtol=0.12)
    mixed = torch.rand(60, 5, generator=seeded(0)).lt(torch.linspace(0.3, 1.0, 60)[:, None]).float()
    mean, half = answer(mixed, like=like)
    expect_close(mean, mixed.mean(), "the mean accuracy of 60 other episodes of 5 queries")
    expect_close(half, 1.96 * mixed.mean(1).std() / math.sqrt(60), "their half-width (to 12%)", rtol=0.12)
    return "an episode is one sample, however many queries it asks."

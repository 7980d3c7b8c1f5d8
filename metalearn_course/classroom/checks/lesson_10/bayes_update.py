"""The check of exercise 10.2, bayes_update."""

import torch
from torch import Tensor, tensor

from ..at_random import Draw, at_random
from ..kit import Case, Check, equals, looks, near, rival, rivals, shaped


def bayes_update(counts: Tensor, arm: int, reward: float) -> Tensor:
    new = counts.clone()
    new[arm] += tensor([reward, 1 - reward])
    return new


def all_arms(counts: Tensor, reward: float) -> Tensor:
    return counts + tensor([reward, 1 - reward])


def both_counts(counts: Tensor, arm: int) -> Tensor:
    return counts + (torch.arange(len(counts)) == arm)[:, None]


def other_count(counts: Tensor, arm: int, reward: float) -> Tensor:
    return bayes_update(counts.flip(-1), arm, reward).flip(-1)


def its_mean(counts: Tensor, arm: int, reward: float) -> Tensor:
    new = bayes_update(counts, arm, reward)
    new[arm] = new[arm] / new[arm].sum()
    return new


def anything(draw: Draw) -> Case:
    arms = draw.count(4, 6)
    counts = (3 * draw.normal(arms, 2).abs()).floor() + 1
    return Case(counts=counts, arm=draw.count(0, arms - 1), reward=float(draw.count(0, 1)))


WON = Case(counts=tensor([[1.0, 1.0], [3.0, 2.0], [1.0, 4.0]]), arm=1, reward=1.0)
LOST = WON.but(arm=2, reward=0.0)

CHECK = Check(
    bayes_update,
    shaped(WON, "keeps_the_mean", (3,), (3, 1), ()),
    rival(WON, "keeps_the_mean/in_its_row", its_mean, lambda want: want / want.sum(-1, keepdim=True)),
    rivals(WON, {"updates_all_arms": all_arms, "adds_to_both": both_counts, "swaps_counts": other_count}),
    equals(WON, "{won}. The new counts"),
    looks(LOST, "forgets_losses", lambda counts, got: near(got, counts)),
    equals(LOST, "{lost}. The new counts"),
    at_random(anything),
)

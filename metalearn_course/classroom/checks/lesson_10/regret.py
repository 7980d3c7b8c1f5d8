"""The check of exercise 10.1, regret."""

import torch
from torch import Tensor, tensor

from ..at_random import Draw, at_random
from ..kit import Case, Check, equals, rival, rivals, shaped


def regret(means: Tensor, pulled: Tensor, paid: Tensor) -> Tensor:
    return (means.max() - means[pulled]).sum()


def average_paid(pulled: Tensor, paid: Tensor, arms: int) -> Tensor:
    """What each arm paid on average in this play; 0 where it was never pulled."""
    counts = torch.bincount(pulled, minlength=arms)
    return torch.zeros(arms).index_add(0, pulled, paid) / counts.clamp_min(1)


def hindsight_of_payments(means: Tensor, pulled: Tensor, paid: Tensor) -> Tensor:
    return (average_paid(pulled, paid, len(means)).max() - paid).sum()


def hindsight_of_means(means: Tensor, pulled: Tensor, paid: Tensor) -> Tensor:
    return (means[average_paid(pulled, paid, len(means)).argmax()] - means[pulled]).sum()


def anything(draw: Draw) -> Case:
    """One arm more than those that are pulled, and it may be the best."""
    arms, pulls = draw.count(4, 6), draw.count(7, 12)
    means, paid = draw.normal(arms + 1).sigmoid(), (draw.normal(pulls) > 0).float()
    return Case(means=means, pulled=draw.labels(arms, pulls), paid=paid)


FOUR_PULLS = Case(means=tensor([0.2, 0.9, 0.5]), pulled=tensor([0, 1, 1, 2]), paid=tensor([1.0, 0.0, 1.0, 1.0]))
NEVER_FOUND = FOUR_PULLS.but(pulled=tensor([0, 2, 0, 2]), paid=tensor([1.0, 0.0, 0.0, 0.0]))
OTHER = Case(means=tensor([0.75, 0.25]), pulled=tensor([1, 1, 0, 1, 1]), paid=tensor([0.0, 1.0, 1.0, 0.0, 1.0]))

CHECK = Check(
    regret,
    shaped(FOUR_PULLS, "keeps_each_pull", (4,)),
    rivals(
        FOUR_PULLS,
        {
            "uses_payments": lambda means, pulled, paid: len(pulled) * means.max() - paid.sum(),
            "best_in_hindsight": [hindsight_of_payments, hindsight_of_means],
            "averages": lambda want: want / 4,
            "sum_of_means": lambda means, pulled: means[pulled].sum(),
            "wrong_sign": lambda want: -want,
        },
    ),
    equals(FOUR_PULLS, "{four}. The regret"),
    rival(NEVER_FOUND, "best_of_the_pulled", lambda means, pulled: (means[pulled].max() - means[pulled]).sum()),
    equals(NEVER_FOUND, "{never}. The regret"),
    equals(OTHER, "means {means} and pulls {pulled}: the regret"),
    at_random(anything),
)

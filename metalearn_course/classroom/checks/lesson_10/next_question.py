"""The check of exercise 10.3, next_question."""

from torch import Tensor, tensor

from ..at_random import Draw, at_random
from ..kit import Case, Check, equals, rivals, same


def next_question(low: Tensor, high: Tensor) -> Tensor:
    return (low + high) / 2


def anything(draw: Draw) -> Case:
    low = draw.normal(3, draw.count(2, 4)).sigmoid() / 2
    return Case(low=low, high=low + 0.1 + draw.normal(*low.shape).sigmoid() / 3)


TWO = Case(low=tensor([0.2, 0.5]), high=tensor([0.6, 1.0]))
ONE = Case(low=tensor(0.25), high=tensor(0.375))

CHECK = Check(
    next_question,
    same(TWO, TWO.but(), "draws"),
    rivals(
        TWO,
        {
            "middle_of_everything": tensor([0.5, 0.5]),
            "an_end": [lambda low: low, lambda high: high],
            "half_the_length": lambda low, high: (high - low) / 2,
            "adds_the_ends": lambda low, high: low + high,
        },
    ),
    equals(TWO, "low {low} and high {high}: where to ask"),
    equals(ONE, "low {low} and high {high}, tensors of shape (): where to ask"),
    at_random(anything),
)

"""The check of exercise 2.2, expected_risk."""

import torch
from torch import Tensor, tensor

from ..at_random import at_random
from ..kit import Case, Check, equals, rivals


def expected_risk(losses: list[Tensor]) -> Tensor:
    return torch.stack([task.mean() for task in losses]).mean()


TWO = Case(losses=[tensor([8.0]), tensor([1.0, 2.0, 3.0])])

CHECK = Check(
    expected_risk,
    rivals(TWO, {"pools_points": 3.5, "sums_tasks": 10.0}),
    equals(TWO, "the expected risk of tasks with losses {losses[0]} and {losses[1]}"),
    equals(Case(losses=[tensor([4.0, 6.0])]), "the expected risk of one task with losses [4, 6]"),
    equals(
        Case(losses=[tensor([2.0] * 100), tensor([4.0] * 5), tensor([0.0, 0.0])]),
        "three tasks of 100, 5 and 2 points with mean losses 2, 4 and 0",
    ),
    at_random(lambda draw: Case(losses=[draw.normal(draw.count(1, 5)) + 3 for _ in range(draw.count(3, 5))])),
)

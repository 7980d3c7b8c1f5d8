"""The check of exercise 4.1, prototypes."""

import torch
import torch.nn.functional as F
from torch import Tensor, tensor

from ..at_random import Draw, at_random
from ..kit import Case, Check, differentiable, equals, fails, rival, same, vmappable
from .shared import floats_expected


def prototypes(x: Tensor, y: Tensor, ways: int) -> Tensor:
    labels = F.one_hot(y, ways).float()
    return labels.T @ x / labels.sum(0)[:, None]


def by_appearance(x: Tensor, y: Tensor, ways: int) -> Tensor:
    return prototypes(x, y, ways)[list(dict.fromkeys(y.tolist()))]


def any_shots(draw: Draw) -> Case:
    ways = draw.count(4, 6)
    examples = draw.count(8, 12)
    return Case(x=draw.normal(examples, 3), y=draw.labels(ways, examples), ways=ways)


POINTS = tensor([[1.0, 0.0], [5.0, 2.0], [0.0, 4.0], [3.0, 4.0], [2.0, 2.0], [7.0, 0.0]])
LABELS, ORDER = tensor([2, 0, 1, 0, 2, 1]), [5, 2, 3, 0, 1, 4]
SIX = Case(x=POINTS, y=LABELS, ways=3)
SHUFFLED = SIX.but(x=POINTS[ORDER], y=LABELS[ORDER])
SEVEN = SIX.but(x=torch.cat([POINTS, tensor([[4.0, 10.0]])]), y=torch.cat([LABELS, tensor([2])]))
ALL_AT_ONE = SIX.but(x=torch.ones(6, 2))

CHECK = Check(
    prototypes,
    floats_expected(SIX),
    rival(SIX, "rows_by_appearance", by_appearance),
    same(SIX, SHUFFLED, "assumes_sorted_labels"),
    rival(ALL_AT_ONE, "sums_examples", lambda want: 2 * want),
    rival(ALL_AT_ONE, "divides_by_all_examples", lambda want: 2 * want / 6),
    equals(SIX, "the prototypes of {x} with labels {y}"),
    fails(SEVEN, "same_shots_for_all/fails"),
    equals(SEVEN, key="same_shots_for_all"),
    differentiable(SIX, "x"),
    vmappable(SIX, SHUFFLED, over=("x", "y")),
    at_random(any_shots, what="{ways} prototypes of examples with the labels {y}"),
)

"""The check of exercise 2.3, best_single_prediction."""

import math

import torch
from torch import Tensor, tensor

from ..at_random import at_random
from ..kit import Case, Check, equals, looks, rival


def best_single_prediction(x: Tensor) -> Tensor:
    return 2.55 * 2 / math.pi * torch.cos(x)


def near_enough_for_a_few(got: Tensor, want: Tensor) -> dict[str, Tensor] | None:
    miss = (got - want).abs().max()
    return {"miss": miss} if 0.1 < miss < 0.5 else None


FIVE = Case(x=tensor([[0.0], [1.0], [math.pi / 2], [math.pi], [5.0]]))

CHECK = Check(
    best_single_prediction,
    rival(FIVE, "assumes_full_circle", torch.zeros(5, 1), atol=0.1),
    rival(FIVE, "averages_parameters", lambda x: 2.55 * torch.cos(x), atol=0.1),
    rival(FIVE, "forgets_amplitude", lambda x: 2 / math.pi * torch.cos(x), atol=0.1),
    looks(FIVE, "wrong_value/few", near_enough_for_a_few),
    equals(FIVE, "the best prediction at x = 0, 1, pi/2, pi and 5 (to 0.1)", rtol=0.0, atol=0.1),
    equals(Case(x=tensor([[-4.0]])), "the best prediction at x = -4 (to 0.1)", rtol=0.0, atol=0.1),
    at_random(
        lambda draw: Case(x=4 * draw.normal(3, 1)), what="the best prediction at x = {x} (to 0.1)", rtol=0.0, atol=0.1
    ),
)

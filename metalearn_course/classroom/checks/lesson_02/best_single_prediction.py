"""The check of exercise 2.3, best_single_prediction."""

import math

import torch
from torch import Tensor, tensor

from ..kit import Case, Check, equals, rival


def best_single_prediction(x: Tensor) -> Tensor:
    return 2.55 * 2 / math.pi * torch.cos(x)


FIVE = Case(x=tensor([[0.0], [1.0], [math.pi / 2], [math.pi], [5.0]]))

CHECK = Check(
    best_single_prediction,
    rival(FIVE, "assumes_full_circle", torch.zeros(5, 1), atol=0.1),
    rival(FIVE, "averages_parameters", lambda x: 2.55 * torch.cos(x), atol=0.1),
    rival(FIVE, "forgets_amplitude", lambda x: 2 / math.pi * torch.cos(x), atol=0.1),
    equals(FIVE, "the best prediction at x = 0, 1, pi/2, pi and 5 (to 0.1)", rtol=0.0, atol=0.1),
    equals(Case(x=tensor([[-4.0]])), "the best prediction at x = -4 (to 0.1)", rtol=0.0, atol=0.1),
)

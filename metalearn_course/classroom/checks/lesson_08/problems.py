"""The problems of exercise 8.4, which stand for trainings: numbers, and the loss that a rate leads to."""

import math
from typing import Any

import torch
from torch import Tensor


def score(rate: Any, problems: Tensor) -> Tensor:
    """Problems are numbers: a problem is easiest at the rate 2 ** problem."""
    return 1 + (torch.as_tensor(float(rate)).log2() - problems).square()


def diverges(rate: Any, problems: Tensor) -> Tensor:
    """The problem 1 ends in NaN from the rate 2 on."""
    return torch.where((problems == 1.0) & (float(rate) > 1.5), math.nan, score(rate, problems))


def starts_badly(rate: Any, problems: Tensor) -> Tensor:
    """The problem 1 ends in NaN up to the rate 0.3. Whoever takes that for the best goes down without end."""
    if float(rate) < 1e-6:
        raise ValueError("a rate below 1e-6 was asked for, and all below 0.3 diverge")
    return torch.where((problems == 1.0) & (float(rate) < 0.3), math.nan, score(rate, problems))

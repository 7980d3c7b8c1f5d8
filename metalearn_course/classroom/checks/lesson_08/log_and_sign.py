"""The check of exercise 8.2, log_and_sign."""

import math
from typing import Any

import torch
from torch import Tensor, tensor

from metalearn_course.classroom.flow import gradient_at

from ..at_random import at_random
from ..kit import Answer, Case, Check, all_of, equals, fails, looks, near, rival, vmappable
from .shared import random_f64


def log_and_sign(x: Tensor, p: float) -> Tensor:
    size = x.abs().clamp_min(math.exp(-p)).log() / p
    return torch.stack([size, (math.exp(p) * x).clamp(-1, 1)], dim=-1)


def slopes(function: Answer, x: Tensor, p: float, of: str) -> Tensor | None:
    return gradient_at(function(x, p)[:, ["size", "sign"].index(of)].sum(), x)


def sizes(got: Tensor, want: Tensor) -> dict[str, Any] | None:
    """Both, where they differ."""
    parts = {"size": got[..., 0], "right": want[..., 0]}
    return None if near(parts["size"], parts["right"]) else parts


def falls_without_end(got: Tensor, want: Tensor) -> dict[str, Any] | None:
    parts = sizes(got, want)
    return parts if parts and ((parts["size"] < -1.01) | parts["size"].isnan()).any() else None


def only_signs(got: Tensor, want: Tensor, x: Tensor) -> Any:
    sign, right = got[..., 1], want[..., 1]
    return near(sign, x.sign()) and not near(sign, right) and {"sign": sign, "right": right}


LARGE = Case(x=tensor([1.0, 10.0, 0.1]), p=5.0)
NEGATIVE, SMALL, ZERO = (LARGE.but(x=x) for x in (-LARGE.inputs["x"], tensor([0.001, -0.001]), tensor([0.0])))
BENDS = tensor([0.0, 0.001, -0.001, 2.0, -2.0], requires_grad=True)
ROWS = tensor([[2.0, -0.5, 0.0], [1e-4, -1e-4, 30.0]])
FAR = (tensor([1000.0, -50.0]), 2.0), (tensor([3e-8, -2e-7, 1e-3]), 17.0)
ANY = *FAR, (tensor(-3.0), 7.0), (random_f64(2, 3, 2, seed=0) * 1e-3, 10.0), (random_f64(4, seed=1).exp(), 2.0)

CHECK = Check(
    log_and_sign,
    fails(LARGE, "stacks_in_front", "wrong_shape", match=r"has shape \(2, 3\);"),
    rival(LARGE, "swaps_the_two", lambda want: want.flip(-1)),
    looks(LARGE, "no_division_by_p", lambda got, want: near(got[:, 0], 5 * want[:, 0]) and sizes(got, want)),
    equals(LARGE, "x = {x}, p = 5"),
    looks(NEGATIVE, "log_of_negative", sizes, raw=True),
    equals(NEGATIVE, "x = {x}, p = 5"),
    *(
        all_of(
            looks(near_zero, "no_clamp", falls_without_end, raw=True),
            looks(near_zero, "sign_of_small", only_signs, raw=True),
            equals(near_zero, "x = {x}, p = 5"),
        )
        for near_zero in (SMALL, ZERO)
    ),
    *(
        all_of(
            looks(bends, "cuts_gradient", lambda got: got is None),
            looks(bends, "nan_slope", lambda got: got.isnan().any()),
            equals(bends, "the slopes of the {of} at x = {x}, p = 5"),
        )
        for bends in (Case(slopes, x=BENDS, p=5.0, of=of) for of in ("size", "sign"))
    ),
    *(equals(Case(x=x, p=p), "x of shape {x.shape}, p = {p}") for x, p in ANY),
    vmappable(*(Case(x=row, p=5.0) for row in ROWS), over=("x",), what="the rows of x"),
    at_random(lambda draw: Case(x=draw.normal(2, 3) * (4 * draw.normal(2, 3)).exp(), p=draw.number(2.0, 4.5))),
)

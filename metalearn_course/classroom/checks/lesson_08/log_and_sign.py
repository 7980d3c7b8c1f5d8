"""The check of exercise 8.2, log_and_sign."""

from __future__ import annotations

import math

import torch
from torch import Tensor, tensor
from torch.func import vmap

from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    expect_under_vmap,
    gradient_at,
    near,
    show,
)
from metalearn_course.classroom.checks.lesson_08.shared import random_f64


@exercise(
    lesson="08",
    number=2,
    title="numbers of any size",
    minutes=8,
    difficulty=2,
    mistakes=(
        "log_of_negative",
        "no_clamp",
        "no_division_by_p",
        "sign_of_small",
        "stacks_in_front",
        "swaps_the_two",
        "nan_slope",
        "cuts_gradient",
        "breaks_under_vmap",
    ),
    hints=(
        "What is the logarithm of a negative number, of zero, and of a number just above zero? Which of the three can "
        "occur in a gradient?",
        "Each of the two numbers is a line by itself. The first is a logarithm that is kept from falling below -1: it "
        "is safest to lift what is too small before the logarithm is taken. The second is a straight line through 0, "
        "cut off at -1 and at 1. Join them along a new last dimension.",
        "`size = x.abs().clamp_min(math.exp(-p)).log() / p`, `sign = (math.exp(p) * x).clamp(-1, 1)`, and "
        "`torch.stack([size, sign], dim=-1)`.",
    ),
)
def log_and_sign(answer: Answer) -> str:
    large = tensor([1.0, 10.0, 0.1])
    got = _pairs(answer, large)
    _name_the_size(got, large)
    expect_close(got, _log_and_sign(large, 5.0), f"x = {show(large)}, p = 5")
    _expect_negative(answer, -large)
    _expect_small(answer)
    _expect_slopes(answer)
    for x, p in ((tensor(-3.0), 7.0), (random_f64(2, 3, 2, seed=0) * 1e-3, 10.0), (random_f64(4, seed=1).exp(), 2.0)):
        want = _log_and_sign(x, p)
        expect_close(answer(x, p, like=want), want, f"x of shape {tuple(x.shape)}, p = {p:g}")
    x = tensor([[2.0, -0.5, 0.0], [1e-4, -1e-4, 30.0]])
    expect_under_vmap(
        answer,
        lambda function: vmap(lambda row: function(row, 5.0))(x),
        _log_and_sign(x, 5.0),
        "the rows of x",
        "There nothing can be picked by a mask, as in `out[small] = ...`, and no `if` can look at a value: compute "
        "both cases and let `torch.where` choose, or use `clamp`.",
    )
    return "numbers of any size, told in two that a small network can read."


def _log_and_sign(x: Tensor, p: float) -> Tensor:
    size = x.abs().clamp_min(math.exp(-p)).log() / p
    return torch.stack([size, (math.exp(p) * x).clamp(-1, 1)], dim=-1)


def _pairs(answer: Answer, x: Tensor) -> Tensor:
    """The result for `x` with p = 5, of the right kind."""
    try:
        return answer(x, 5.0, like=_log_and_sign(x, 5.0))
    except Mistake as mistake:
        if mistake.name == "wrong_shape" and "has shape (2, 3);" in mistake.message:
            raise Mistake(
                "stacks_in_front",
                f"{mistake.message} The two numbers that tell of one x belong side by side, in a new last dimension: "
                "that is what a network reads, one row for each x. `torch.stack` puts its dimension first unless told "
                "`dim=-1`.",
                mistake.name,
            ) from None
        raise


def _name_the_size(got: Tensor, x: Tensor) -> None:
    want = _log_and_sign(x, 5.0)
    if near(got, want.flip(-1)):
        raise Mistake(
            "swaps_the_two",
            f"For x = {show(x)} and p = 5, you return {show(got)}: the sign stands before the size. Size first.",
        )
    if near(got[:, 0], 5 * want[:, 0]):
        raise Mistake(
            "no_division_by_p",
            f"For x = {show(x)} and p = 5, the sizes should be {show(want[:, 0])}; yours are {show(got[:, 0])}, the "
            "logarithm as it is. Divided by p, the smallest size is -1 whatever p is, and the network meets numbers of "
            "about size one.",
        )


def _expect_negative(answer: Answer, x: Tensor) -> None:
    got, want = answer(x, 5.0), _log_and_sign(x, 5.0)
    if not near(got[..., 0], want[..., 0]):
        raise Mistake(
            "log_of_negative",
            f"Positive x are right, but for x = {show(x)} the sizes come out as {show(got[..., 0])}; expected "
            f"{show(want[..., 0])}, the same as for positive x. A negative number has no logarithm, and half of all "
            "gradients are negative: take the logarithm of the absolute value. The sign is told beside it.",
        )
    expect_close(got, want, f"x = {show(x)}, p = 5")


def _expect_small(answer: Answer) -> None:
    for x in (tensor([0.001, -0.001]), tensor([0.0])):
        got, want = answer(x, 5.0), _log_and_sign(x, 5.0)
        size, sign = got[..., 0], got[..., 1]
        if not near(size, want[..., 0]) and ((size < -1.01) | size.isnan()).any():
            raise Mistake(
                "no_clamp",
                f"With p = 5, x = {show(x)} is closer to 0 than exp(-5) = 0.0067, and its size should be -1; yours is "
                f"{show(size)}. Towards 0 a logarithm falls without end, to minus infinity at 0, where gradients often "
                "are. Below exp(-p), the size stays at -1.",
            )
        if not near(sign, want[..., 1]) and near(sign, x.sign()):
            raise Mistake(
                "sign_of_small",
                f"With p = 5, x = {show(x)} is closer to 0 than exp(-5) = 0.0067; its second number should be "
                f"exp(5) x = {show(want[..., 1])}, and yours is {show(sign)}. There the size says no more than 'tiny', "
                "and a sign alone would jump from -1 to 1 at 0. The line exp(p) x leads from one to the other.",
            )
        expect_close(got, want, f"x = {show(x)}, p = 5")


def _expect_slopes(answer: Answer) -> None:
    x = tensor([0.0, 0.001, -0.001, 2.0, -2.0], requires_grad=True)
    got, there = answer(x, 5.0), x.detach().clone().requires_grad_()
    want = _log_and_sign(there, 5.0)
    for i, what in enumerate(("size", "sign")):
        slope, right = gradient_at(got[:, i].sum(), x), gradient_at(want[:, i].sum(), there)
        told = f"At x = {show(x)}, p = 5, all values are right, and the slopes of the {what} should be {show(right)}"
        if slope is None:
            raise Mistake(
                "cuts_gradient",
                f"{told}; but no gradient arrives at x. A gradient of the learner is a function of its weights, and "
                "an exact meta-gradient runs through it. Stay with tensors, without `detach` or Python numbers.",
            )
        if slope.isnan().any():
            raise Mistake(
                "nan_slope",
                f"{told}; yours are {show(slope)}. `log` has an infinite slope at 0, and what cuts its value off "
                "afterwards, `where` or `clamp`, multiplies that by 0: NaN. Lift |x| to exp(-p) before the logarithm.",
            )
        expect_close(slope, right, f"the slopes of the {what} at x = {show(x)}, p = 5")

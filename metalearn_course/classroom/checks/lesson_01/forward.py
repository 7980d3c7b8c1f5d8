"""The check of exercise 1.1, forward."""

from __future__ import annotations

import torch
from torch import Tensor, tensor, zeros

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show
from metalearn_course.classroom.checks.lesson_01.shared import Params, logits_of


@exercise(
    lesson="01",
    number=1,
    title="a network is a function of its parameters",
    minutes=8,
    difficulty=1,
    mistakes=("ignores_params", "gradient_lost", "no_activation", "activation_on_output", "softmax_on_output"),
    hints=(
        "If somebody calls `forward` twice with the same `x` and different `params`, what has to change?",
        "Each layer is `x @ w + b`. The ReLU stands between the two layers, and nothing comes after the second.",
        '`hidden = (x @ params["w1"] + params["b1"]).relu()`; the second layer is the same without `relu`.',
    ),
)
def forward(answer: Answer) -> str:
    _uses_params(answer)
    params = {
        "w1": tensor([[1.0, 1.0], [1.0, -1.0]]),
        "b1": tensor([0.0, -1.0]),
        "w2": tensor([[1.0, -1.0], [2.0, 1.0]]),
        "b2": tensor([0.5, 0.0]),
    }
    x = tensor([[1.0, 2.0], [-1.0, -1.0]])
    before = x @ params["w1"] + params["b1"]
    right = logits_of(params, x)
    got = answer(params, x, like=right)
    row = f"x = {show(x[0])}"
    if near(got, before @ params["w2"] + params["b2"]):
        raise Mistake(
            "no_activation",
            f"{row} gave {show(got[0])}. The first layer gives {show(before[0])}, and the negative number went on into "
            "the second. Without a ReLU between them, two layers are one affine map, as a single layer is.",
        )
    if near(got, right.relu()):
        raise Mistake(
            "activation_on_output",
            f"{row} gave {show(got[0])}; the second layer gives {show(right[0])}. A ReLU behind the last layer cuts "
            "off every negative output: all low scores become the same 0.",
        )
    if near(got, right.softmax(-1)) or near(got, right.log_softmax(-1)):
        raise Mistake(
            "softmax_on_output",
            f"{row} gave {show(got[0])}; the second layer gives {show(right[0])}. The cross-entropy takes the softmax "
            "itself, and a regression wants none: return the outputs as they are.",
        )
    expect_close(got, right, f"two examples through a network with w1 = {show(params['w1'])}: the outputs")
    _gradient_arrives(answer, params, x)
    return "a network is f(params, x): whoever holds the params can change them, save them, or differentiate by them."


def _uses_params(answer: Answer) -> None:
    """Whether the result depends on `params` at all, at the size of lesson 01's network."""
    sizes = {"w1": (64, 32), "b1": (32,), "w2": (32, 10), "b2": (10,)}
    blank = {name: zeros(size) for name, size in sizes.items()}
    full = {name: 0.1 * torch.randn(size) for name, size in sizes.items()}
    x = torch.rand(3, 64)
    of_blank, of_full = answer(blank, x, like=zeros(3, 10)), answer(full, x, like=zeros(3, 10))
    if _is_linked(answer, full, x) or near(of_full, logits_of(full, x)):
        return
    same = near(of_blank, of_full)
    raise Mistake(
        "ignores_params",
        f"With every weight and bias in `params` at zero, the first output is {show(of_blank[0, 0].item(), 2)}"
        + (f", and with random ones it is {show(of_full[0, 0].item(), 2)} as well. " if same else ". ")
        + "So `forward` computes with weights of its own, a module's perhaps: take all four tensors from `params`.",
    )


def _is_linked(answer: Answer, params: Params, x: Tensor) -> bool:
    """Whether autograd finds a way from the result back to any of `params`."""
    leaves = {name: p.clone().requires_grad_() for name, p in params.items()}
    out = answer(leaves, x, like=zeros(len(x), params["b2"].numel()))
    if not out.requires_grad:
        return False
    return any(g is not None for g in torch.autograd.grad(out.sum(), list(leaves.values()), allow_unused=True))


def _gradient_arrives(answer: Answer, params: Params, x: Tensor) -> None:
    if not _is_linked(answer, params, x):
        raise Mistake(
            "gradient_lost",
            "The outputs are right, but their gradient with respect to `params` is None: the numbers were copied "
            '(into a module, by `.data`, `.detach()` or `no_grad`). Compute with `params["w1"]` itself, so that '
            "training can reach it.",
        )

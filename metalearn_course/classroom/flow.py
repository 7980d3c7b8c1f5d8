"""What a check asks beyond the numbers: that gradients run back through an answer, and that vmap can run it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from metalearn_course.classroom.answer import Answer
from metalearn_course.classroom.mistakes import Mistake
from metalearn_course.classroom.values import expect_close, near


def gradient_at(result: Tensor, leaf: Tensor) -> Tensor | None:
    """The gradient of `result` that arrives at `leaf`; None where no way leads back to it.

    A result of many numbers is summed with weights from -1 to 2, so that no two of them count alike.
    """
    if not result.requires_grad:
        return None
    weights = torch.ones_like(result)
    if result.numel() > 1:
        weights = torch.linspace(-1, 2, result.numel(), dtype=result.dtype).reshape(result.shape)
    try:
        return torch.autograd.grad(result, leaf, weights, retain_graph=True, allow_unused=True)[0]
    except RuntimeError as error:
        if "inplace" not in str(error):
            raise
        raise Mistake(
            "overwrites",
            "The numbers are right, but no gradient can run back: a tensor was written into (`w[0] = ...`, `w /= ...`) "
            "whose old values the gradient needs, as those of a softmax or an exp. Make a new tensor: `w = w / ...`, "
            "`masked_fill`, `torch.where`.",
        ) from None


def gradients_at(result: Tensor, leaves: dict[str, Tensor]) -> dict[str, Tensor | None]:
    """`gradient_at` every leaf, by name."""
    return {name: gradient_at(result, leaf) for name, leaf in leaves.items()}


def expect_gradients(got: Tensor, want: Tensor, inputs: dict[str, Tensor], purpose: str) -> None:
    """Raise `cuts_gradient` unless the same gradient arrives at every input as from `want`; `purpose` says what for."""
    for name, leaf in inputs.items():
        reached, full = gradient_at(got, leaf), gradient_at(want, leaf)
        if reached is None or not near(reached, full, atol=1e-4):
            arrives = "no gradient" if reached is None else "another gradient"
            raise Mistake(
                "cuts_gradient",
                f"The numbers are right, but {arrives} arrives at `{name}`. {purpose}: no `detach`, no `no_grad`, and "
                "no numbers taken out of their tensors on the way.",
            )


_WHOLE_TENSORS = (
    "There nothing can be written into a tensor of zeros, and no `if` can ask about a number: compute with whole "
    "tensors, or stack parts of them."
)
_MASK = (
    "There a mask such as `x[y == c]` fails, for how many rows it keeps differs from task to task. Keep all rows, and "
    "multiply those that do not count by 0, as one-hot labels do."
)
_ONE_HOT = (
    "There `one_hot` cannot look for the largest label, which differs from task to task. Give it the number of "
    "classes: `F.one_hot(y, ways)`."
)


def expect_under_vmap(
    answer: Answer,
    expression: Callable[[Callable[..., Any]], Any],
    want: Any,
    what: str = "a stack of two tasks",
    advice: str | None = None,
) -> None:
    """What is written for one runs for a stack: `expression` of the answer, a vmap of it, is `want`.

    what: of what the stack is. advice: what to do where vmap cannot run the answer, if it is special to this exercise.
    """
    try:
        got = answer.within(expression, like=want)
    except Mistake as mistake:
        if mistake.name != "raised":
            raise
        if "boolean mask" in mistake.message:
            advice = _MASK
        elif "explicit positive num_classes" in mistake.message:
            advice = _ONE_HOT
        raise Mistake(
            "breaks_under_vmap",
            f"It is right by itself, but `vmap` has to run it for {what}. {advice or _WHOLE_TENSORS} What happened "
            f"there: {mistake.message}.",
            mistake.name,
        ) from None
    expect_close(got, want, f"`vmap` of `{answer.name}` for {what}")

"""The check of exercise 5.3, aggregate."""

from __future__ import annotations

import torch
from torch import Tensor, tensor, zeros
from torch.func import vmap

from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    expect_gradients,
    expect_kind,
    expect_under_vmap,
    near,
    show,
)


@exercise(
    lesson="05",
    number=3,
    title="what a set says",
    minutes=5,
    difficulty=1,
    mistakes=(
        "counts_examples",
        "position_weighted",
        "mixes_features",
        "one_example_decides",
        "cuts_gradient",
        "breaks_under_vmap",
    ),
    hints=(
        "Someone shuffles the support set, or hands you every example twice. Have you learned anything new?",
        "Every example counts the same, and together they count as one. Which average is that, over which dimension?",
        "`encoded.mean(0)`: dimension 0 holds the examples.",
    ),
)
def aggregate(answer: Answer) -> str:
    encoded = tensor([[1.0, -2.0, 0.0], [3.0, 0.0, 1.0], [2.0, 5.0, -7.0]])
    got = answer(encoded)
    if isinstance(got, Tensor) and (got.shape == () or near(got, encoded.mean(1)) or near(got, encoded.sum(1))):
        raise Mistake(
            "mixes_features",
            f"From the rows {show(encoded)} you made {show(got)}: the features of an example were mixed, and what each "
            "of them meant is gone. Features stay apart; it is the examples that are averaged.",
            "wrong_shape" if got.shape == () else None,
        )
    expect_kind(got, zeros(3), f"the result of `{answer.name}`")
    twice = answer(encoded.repeat(2, 1), like=zeros(3))
    _expect_no_order(answer, encoded, got)
    if not near(twice, got):
        doubled = "doubles it" if near(twice, 2 * got) else "changes it"
        raise Mistake(
            "counts_examples",
            f"Giving every example twice {doubled}: {show(got)} turns into {show(twice)}. The same evidence should say "
            "the same, and a decoder trained on 5 examples would be lost with 50: divide by how many there are.",
        )
    for example in range(3):
        moved = encoded.clone()
        moved[example] += 0.1
        unmoved = (answer(moved, like=zeros(3)) - got).abs() < 1e-5
        if unmoved.any():
            feature = int(unmoved.nonzero()[0])
            raise Mistake(
                "one_example_decides",
                f"Feature {feature} of example {example} went from {show(encoded[example, feature].item())} to "
                f"{show(moved[example, feature].item())}, and your result {show(got)} did not notice. Every example "
                "has its say: take the mean.",
            )
    expect_close(got, encoded.mean(0), f"the vectors {show(encoded)}, aggregated")
    many = torch.linspace(-1, 1, 14).reshape(7, 2) ** 3
    expect_close(answer(many, like=zeros(2)), many.mean(0), "7 vectors of width 2, aggregated")
    expect_close(answer(encoded[:1], like=zeros(3)), encoded[0], "a support set of one example")
    leaf = encoded.clone().requires_grad_()
    expect_gradients(
        answer(leaf, like=zeros(3)), leaf.mean(0), {"encoded": leaf}, "The encoder before it learns through this step"
    )
    stack = torch.stack([encoded, encoded.T])
    expect_under_vmap(answer, lambda function: vmap(function)(stack), stack.mean(1))
    return "a set of any size, in any order, says its piece in one vector."


def _expect_no_order(answer: Answer, encoded: Tensor, got: Tensor) -> None:
    for order in ([2, 1, 0], [1, 2, 0]):
        shuffled = answer(encoded[order], like=zeros(3))
        if not near(shuffled, got):
            raise Mistake(
                "position_weighted",
                f"The same {len(order)} examples in the order {order} give {show(shuffled)} instead of {show(got)}: "
                "what an example counts depends on its place. A set has no first and no last; all count the same.",
            )

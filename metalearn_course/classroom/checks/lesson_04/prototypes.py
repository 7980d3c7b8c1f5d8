"""The check of exercise 4.1, prototypes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, tensor, zeros
from torch.func import vmap

from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    expect_gradients,
    expect_under_vmap,
    instead_of,
    near,
    show,
)
from metalearn_course.classroom.checks.lesson_04.shared import LEARNS, floats_expected


@exercise(
    lesson="04",
    number=1,
    title="a point for each class",
    minutes=8,
    difficulty=2,
    mistakes=(
        "assumes_sorted_labels",
        "rows_by_appearance",
        "divides_by_all_examples",
        "sums_examples",
        "same_shots_for_all",
        "labels_not_float",
        "cuts_gradient",
        "breaks_under_vmap",
    ),
    hints=(
        "Row 0 of `x` may belong to class 2, and class 1 may have more examples than class 0. What tells you, for each "
        "example, which mean it goes into, and what do you divide each sum by?",
        "One-hot labels, shape (n, ways), are a table of who belongs where: its transpose times `x` adds up each "
        "class's examples, and the sum of each column counts them.",
        "`labels = F.one_hot(y, ways).float()`, then `labels.T @ x / labels.sum(0)[:, None]`.",
    ),
)
def prototypes(answer: Answer) -> str:
    want = _prototypes(_POINTS, _LABELS, 3)
    with floats_expected():
        got = answer(_POINTS, _LABELS, 3, like=zeros(3, 2))
    _expect_own_rows(answer, got)
    at_one = answer(torch.ones(6, 2), _LABELS, 3, like=zeros(3, 2))
    what = "Six examples, two of each of 3 classes, all at [1, 1]: every mean is there, too. Your prototypes are at"
    for name, wrong, advice in (
        ("sums_examples", 2.0, "they are sums, which grow with the shots. Divide by how many examples a class has."),
        (
            "divides_by_all_examples",
            2 / 6,
            "the sum of a class's two examples was divided by 6, the examples of all classes. Its own two count.",
        ),
    ):
        if near(at_one, torch.full((3, 2), wrong)):
            raise Mistake(name, f"{what} {show(at_one[0])}: {advice}")
    expect_close(got, want, f"the prototypes of {show(_POINTS)} with labels {show(_LABELS)}")
    _expect_own_counts(answer)
    leaf = _POINTS.clone().requires_grad_()
    expect_gradients(answer(leaf, _LABELS, 3, like=zeros(3, 2)), _prototypes(leaf, _LABELS, 3), {"x": leaf}, LEARNS)
    x, y = torch.stack([_POINTS, _POINTS.flip(0)]), torch.stack([_LABELS, _LABELS.roll(1)])
    want = torch.stack([_prototypes(a, b, 3) for a, b in zip(x, y, strict=True)])
    expect_under_vmap(answer, lambda function: vmap(lambda a, b: function(a, b, 3))(x, y), want)
    return "row c is the mean of class c, whatever the order and however many."


_POINTS = tensor([[1.0, 0.0], [5.0, 2.0], [0.0, 4.0], [3.0, 4.0], [2.0, 2.0], [7.0, 0.0]])
_LABELS = tensor([2, 0, 1, 0, 2, 1])


def _prototypes(x: Tensor, y: Tensor, ways: int) -> Tensor:
    labels = F.one_hot(y, ways).float()
    return labels.T @ x / labels.sum(0)[:, None]


def _expect_own_rows(answer: Answer, got: Tensor) -> None:
    """The same examples in another order make the same prototypes, in the same rows."""
    order = tensor([5, 2, 3, 0, 1, 4])
    shuffled = answer(_POINTS[order], _LABELS[order], 3, like=zeros(3, 2))
    if near(shuffled, got):
        return
    if near(shuffled[shuffled[:, 0].argsort()], got[got[:, 0].argsort()]):
        raise Mistake(
            "rows_by_appearance",
            f"Row 0 is {show(got[0])} for the labels {show(_LABELS)}, and {show(shuffled[0])} when the same examples "
            f"come in the order {show(_LABELS[order])}: your rows follow the order in which classes turn up. A query "
            "is told a row's number as its class, so row c belongs to class c.",
        )
    raise Mistake(
        "assumes_sorted_labels",
        f"Row 0 is {show(got[0])} for the labels {show(_LABELS)}, and {show(shuffled[0])} when the same examples come "
        f"in the order {show(_LABELS[order])}. A set has no order, and episodes are shuffled: who belongs to whom is "
        "said by the labels, not by the places.",
    )


def _expect_own_counts(answer: Answer) -> None:
    """Classes of unequal size each have their own mean."""
    x, y = torch.cat([_POINTS, tensor([[4.0, 10.0]])]), torch.cat([_LABELS, tensor([2])])
    message = f"With the labels {show(y)}, where class 2 has three examples and the others two, "
    with instead_of("raised", "same_shots_for_all", message + "it fails: a class may have more examples than another."):
        got = answer(x, y, 3, like=zeros(3, 2))
    want = _prototypes(x, y, 3)
    if not near(got, want):
        raise Mistake(
            "same_shots_for_all",
            f"{message}your prototypes are {show(got)}; expected {show(want)}. Count the examples of each class by "
            "itself.",
        )

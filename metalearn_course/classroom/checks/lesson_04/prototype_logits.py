"""The check of exercise 4.2, prototype_logits."""

from __future__ import annotations

import torch
from torch import Tensor, zeros
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
from metalearn_course.classroom.checks.lesson_04.shared import CORNERS, LEARNS, QUERIES, logits_of


@exercise(
    lesson="04",
    number=2,
    title="near is likely",
    minutes=5,
    difficulty=1,
    mistakes=(
        "missing_minus",
        "unsquared_distance",
        "cosine_instead",
        "forgets_factor_two",
        "dot_product",
        "averages_features",
        "returns_probabilities",
        "classes_by_queries",
        "cuts_gradient",
        "breaks_under_vmap",
    ),
    hints=(
        "A softmax makes the largest logit the most probable class. Which prototype should that be, the nearest or the "
        "farthest?",
        "Subtract every prototype from every query, `x[:, None] - prototypes`, shape (m, ways, d); square; add up over "
        "the features; and mind the sign.",
        "`-(x[:, None] - prototypes).square().sum(-1)`.",
    ),
)
def prototype_logits(answer: Answer) -> str:
    got = answer(QUERIES, CORNERS)
    if isinstance(got, Tensor) and got.shape == (3, 4):
        raise Mistake(
            "classes_by_queries",
            "For 4 queries and 3 prototypes your result has shape (3, 4); expected (4, 3): a row for every query, with "
            "a logit for each class in it.",
            "wrong_shape",
        )
    expect_kind(got, zeros(4, 3), f"the result of `{answer.name}`")
    squares = (QUERIES[:, None] - CORNERS).square().sum(-1)
    if got.min() >= 0 and near(got.sum(1), torch.ones(4)):
        raise Mistake(
            "returns_probabilities",
            f"Row 0 is {show(got[0])}, which sums to 1: probabilities. The loss takes the softmax itself, and a second "
            "one flattens every answer. Return what goes into the softmax.",
        )
    if (got.argmax(1) == squares.argmax(1)).all():
        raise Mistake(
            "missing_minus",
            f"Query 0 is 1, 2 and 3 away from the three prototypes, and its logits are {show(got[0])}: the largest, "
            "and with it the answer, goes to the one farthest away. Near is likely: a minus in front of the squared "
            "distance.",
        )
    _expect_squares(answer, got)
    if near(_centered(got), _centered(QUERIES @ CORNERS.T - CORNERS.square().sum(1)), atol=1e-4):
        raise Mistake(
            "forgets_factor_two",
            f"Query 0 has the squared distances {show(squares[0])}, and your logits are {show(got[0])}: the square was "
            "multiplied out, and the product needs a factor 2, as in -(x - p)^2 = 2 x p - p^2 - x^2.",
        )
    moved = answer(QUERIES + 2.0, CORNERS + 2.0, like=zeros(4, 3))
    if not near(_centered(moved), _centered(got), atol=1e-4):
        raise Mistake(
            "dot_product",
            f"Move queries and prototypes by the same vector, and nothing has come nearer or gone farther. Your row 1 "
            f"turns from {show(got[1])} into {show(moved[1])}, and not by one number for all classes: it is a "
            "product, which depends on where zero is. Take the difference of the two, square it, and add up.",
        )
    if near(3 * _centered(got), _centered(-squares)):
        raise Mistake(
            "averages_features",
            f"Query 0 has the squared distances {show(squares[0])}, and your logits are {show(got[0])}, a third of "
            "them: averaged over the 3 features. With 64 features nothing would be left for the softmax: add up.",
        )
    many, few = torch.linspace(-2, 2, 10).reshape(2, 5).cos(), torch.linspace(-1, 3, 20).reshape(4, 5).sin()
    for x, c in ((QUERIES, CORNERS), (many, few)):
        expect_close(
            _centered(answer(x, c, like=zeros(len(x), len(c)))),
            _centered(logits_of(x, c)),
            f"the logits of {len(x)} queries and {len(c)} prototypes of {x.shape[1]} features, each row less its mean",
        )
    x, c = QUERIES.clone().requires_grad_(), CORNERS.clone().requires_grad_()
    got, want = answer(x, c, like=zeros(4, 3)), logits_of(x, c)
    expect_gradients(_centered(got), _centered(want), {"x": x, "prototypes": c}, LEARNS)
    xs, cs = torch.stack([QUERIES, -QUERIES]), torch.stack([CORNERS, CORNERS.flip(0)])
    want = _centered(torch.stack([logits_of(QUERIES, CORNERS), logits_of(-QUERIES, CORNERS.flip(0))]))
    expect_under_vmap(answer, lambda function: _centered(vmap(function)(xs, cs)), want)
    return "the nearest prototype is the most probable, and the softmax sees squares."


def _centered(logits: Tensor) -> Tensor:
    """Logits without what all classes of a query share: all that a softmax sees of them."""
    return logits - logits.mean(-1, keepdim=True)


def _expect_squares(answer: Answer, got: Tensor) -> None:
    """Twice as far apart, the differences of logits are four times as large."""
    doubled = answer(2 * QUERIES, 2 * CORNERS, like=zeros(4, 3))
    first, second = (got[0, 0] - got[0, 2]).item(), (doubled[0, 0] - doubled[0, 2]).item()
    if near(_centered(doubled), 2 * _centered(got), atol=1e-4):
        raise Mistake(
            "unsquared_distance",
            f"Query 0 is 1 away from prototype 0 and 3 from prototype 2, and its logits differ by {show(first)}. All "
            f"distances doubled, they differ by {show(second)}, twice that; squares differ by 8 and by 32, four times "
            "that. Without the square the classifier is no longer linear: square the differences, add up, and take no "
            "root.",
        )
    if near(doubled, got):
        raise Mistake(
            "cosine_instead",
            f"All queries and prototypes twice as long, and your row 1 is {show(got[1])} as before: directions are "
            "compared, as Matching networks do. A distance doubles, and its square grows to four times.",
        )

"""The check of exercise 4.4, prototype_loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, tensor, zeros

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show
from metalearn_course.classroom.checks.lesson_04.shared import CORNERS, QUERIES, logits_of


@exercise(
    lesson="04",
    number=4,
    title="repair the distance",
    minutes=3,
    difficulty=1,
    mistakes=(
        "unsquared_distance",
        "square_eats_the_minus",
        "squares_afterwards",
        "softmax_before_the_loss",
        "averages_features",
        "summed_loss",
    ),
    hints=(
        "A query moves twice as far away from a prototype. By which factor should its logit grow, and by which does it "
        "here?",
        "Square the distances, and only then put the minus in front: `(-d) ** 2` and `-d ** 2` differ.",
        "`logits = -torch.cdist(x, c).square()`; the other line stays as it is.",
    ),
)
def prototype_loss(answer: Answer) -> str:
    here, corners, label = zeros(1, 2), tensor([[1.0, 0.0], [0.0, 2.0]]), tensor([0])
    got = answer(here, label, corners, like=tensor(0.0))
    far = answer(here, label, 2 * corners, like=tensor(0.0))
    what = "A query at distance 1 from its own prototype and 2 from the other: "
    right = "In the paper 1 and 4 are compared: its probability is 1 / (1 + e^-3) = 0.953, and the loss 0.0486."
    for rule in (torch.square, torch.abs):
        plain = F.cross_entropy(-rule(tensor([[1.0, 2.0]])), label)
        if near(got.abs(), plain.square()):
            raise Mistake(
                "squares_afterwards",
                f"{what}your loss is {show(got.item())}, the square of a logarithm. It is the distances that are "
                f"squared, before the softmax. {right}",
            )
    twice = [F.cross_entropy(tensor([[-1.0, other]]).softmax(-1), label) for other in (-4.0, -2.0)]
    if any(near(got, loss) for loss in twice):
        raise Mistake(
            "softmax_before_the_loss",
            f"{what}your loss is {show(got.item())}. `F.cross_entropy` takes the softmax itself, and a second one "
            f"flattens every answer: give it minus the squared distances as they are. {right}",
        )
    margin, wider = (_margin(loss) for loss in (got, far))
    if margin < 0 and wider < 0:
        raise Mistake(
            "square_eats_the_minus",
            f"{what}its probability is {show((-got).exp().item())}, and the farther prototype gets the rest. A square "
            f"is positive, also that of what had a minus: square first, then the minus. {right}",
        )
    if margin > 0 and near(wider, 2 * margin, rtol=1e-3):
        raise Mistake(
            "unsquared_distance",
            f"{what}its probability is {show((-got).exp().item())} and the loss {show(got.item())}, from 1 and 2 "
            f"themselves. {right}",
        )
    x, y, c = QUERIES, tensor([0, 1, 2, 2]), CORNERS / 2
    alone, all_four = (answer(one, owner, c, like=tensor(0.0)) for one, owner in ((x[:1], y[:1]), (x, y)))
    want, want_all = (F.cross_entropy(logits_of(one, c), owner) for one, owner in ((x[:1], y[:1]), (x, y)))
    if near(alone, F.cross_entropy(logits_of(x[:1], c) / 3, y[:1])):
        raise Mistake(
            "averages_features",
            f"A query with 3 features has the squared distances {show(-logits_of(x[:1], c)[0])} and the loss "
            f"{show(alone.item())}, from a third of them: the squares were averaged over the features. Add them up; "
            f"the loss is then {show(want.item())}.",
        )
    expect_close(alone, want, "the mean loss of a single query, 3 prototypes")
    if near(all_four, 4 * want_all):
        raise Mistake(
            "summed_loss",
            f"The losses of 4 queries were added up: {show(all_four.item())}, four times the mean, "
            f"{show(want_all.item())}. A step would grow with the number of queries. The mean is what "
            "`F.cross_entropy` gives by itself, without `reduction`.",
        )
    expect_close(all_four, want_all, "the mean loss of 4 queries, 3 prototypes")
    return "squared: now it is the linear classifier of the paper."


def _margin(loss: Tensor) -> float:
    """By how much the right one of two logits leads, from the loss."""
    return -torch.log(torch.expm1(loss.double())).item()

"""The check of exercise 4.3, matching_prediction."""

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
    expect_kind,
    expect_under_vmap,
    instead_of,
    near,
    show,
)
from metalearn_course.classroom.checks.lesson_04.shared import LEARNS, floats_expected


@exercise(
    lesson="04",
    number=3,
    title="the answer is the neighbors' labels",
    minutes=12,
    difficulty=2,
    mistakes=(
        "softmax_over_classes",
        "dot_product",
        "attention_over_examples",
        "averages_attention",
        "softmax_over_queries",
        "no_softmax",
        "takes_nearest",
        "ignores_sharpness",
        "divides_by_sharpness",
        "sharpness_after_softmax",
        "returns_logarithms",
        "assumes_sorted_labels",
        "same_shots_for_all",
        "compares_in_pairs",
        "wrong_dimension",
        "labels_not_float",
        "overwrites",
        "cuts_gradient",
        "breaks_under_vmap",
    ),
    hints=(
        "A class has two drawings: one looks just like the query, the other points the opposite way. What is left "
        "of the good one if you average their cosines before the softmax?",
        "Three steps: the cosine of every query with every example, shape (m, n); the softmax of `sharpness` times it, "
        "over the examples; and, for each class, the sum of what its examples got.",
        "`attention = (sharpness * F.cosine_similarity(x[:, None], support_x, dim=-1)).softmax(-1)`, and then "
        "`attention @ F.one_hot(support_y, ways).float()`.",
    ),
)
def matching_prediction(answer: Answer) -> str:
    with floats_expected():
        try:
            got = _matched(answer, _ASKED, _SHOWN, _OWNERS)
        except Mistake as mistake:
            if mistake.name == "raised":
                _explain_shapes(answer, mistake)
            raise
    _expect_probabilities(got)
    alone = _matched(answer, _ASKED[:1], _SHOWN, _OWNERS)
    if not near(alone, got[:1]):
        raise Mistake(
            "softmax_over_queries",
            f"Query 0 gets {show(got[0])} beside another query, and {show(alone[0])} when it is asked alone. Something "
            "was shared out or normalized among the queries; each of them shares out its own attention, among the "
            "examples: the softmax is over their dimension.",
        )
    _expect_shares(got)
    order = tensor([3, 0, 5, 4, 1, 2])
    shuffled = _matched(answer, _ASKED, _SHOWN[order], _OWNERS[order])
    if not near(shuffled, got):
        raise Mistake(
            "assumes_sorted_labels",
            f"The same six examples in another order, and query 0 gets {show(shuffled[0])} instead of {show(got[0])}. "
            "A set has no order: which example counts for which class is said by `support_y`.",
        )
    _expect_sums(answer, got)
    _expect_directions(answer, got)
    _expect_sharpness(answer, got)
    for x, support_x, support_y, ways in ((_ASKED, _SHOWN, _OWNERS, 3), (_SHOWN[:3], _SHOWN[1:], _OWNERS[1:], 3)):
        expect_close(
            answer(x, support_x, support_y, ways, 3.0, like=zeros(len(x), ways)),
            _matching(x, support_x, support_y, ways, 3.0),
            f"class probabilities, {ways} ways, support labels {show(support_y)}, sharpness 3",
        )
    x, support_x = _ASKED.clone().requires_grad_(), _SHOWN.clone().requires_grad_()
    got, want = _matched(answer, x, support_x, _OWNERS), _matching(x, support_x, _OWNERS, 3, 3.0)
    expect_gradients(got, want, {"x": x, "support_x": support_x}, LEARNS)
    stack = (
        torch.stack([_ASKED, _ASKED.flip(1)]),
        torch.stack([_SHOWN, -_SHOWN]),
        torch.stack([_OWNERS, _OWNERS[order]]),
    )
    want = torch.stack([_matching(*task, 3, 3.0) for task in zip(*stack, strict=True)])
    expect_under_vmap(answer, lambda function: vmap(lambda a, b, c: function(a, b, c, 3, 3.0))(*stack), want)
    return "every example votes for its label, with the weight of its likeness."


_ASKED = tensor([[1.0, 0.5, 0.0], [-0.5, 1.0, 2.0]])
_SHOWN = tensor(
    [[0.0, 1.0, 0.0], [2.0, 1.0, 0.5], [0.0, 0.5, 1.0], [-1.0, 0.0, 0.5], [1.0, -1.0, 0.0], [0.5, 1.0, 3.0]]
)
_OWNERS = tensor([1, 0, 2, 0, 1, 2])


def _matching(x: Tensor, support_x: Tensor, support_y: Tensor, ways: int, sharpness: float) -> Tensor:
    attention = (sharpness * F.cosine_similarity(x[:, None], support_x, dim=-1)).softmax(-1)
    return attention @ F.one_hot(support_y, ways).float()


def _matched(answer: Answer, x: Tensor, support_x: Tensor, support_y: Tensor, sharpness: float = 3.0) -> Tensor:
    """The answer for 3 ways."""
    got = answer(x, support_x, support_y, 3, sharpness)
    if isinstance(got, Tensor) and got.shape == (len(x), len(support_x)):
        raise Mistake(
            "attention_over_examples",
            f"Your result has shape {tuple(got.shape)}, a weight for each of {len(support_x)} examples; expected "
            f"{(len(x), 3)}. A class's probability is the sum of the attention that its examples get.",
            "wrong_shape",
        )
    expect_kind(got, zeros(len(x), 3), f"the result of `{answer.name}`")
    return got


def _explain_shapes(answer: Answer, mistake: Mistake) -> None:
    """Which sizes have to be equal by chance before it runs, where 2 queries, 6 examples and 3 features fail."""
    features = torch.cat([_SHOWN, _SHOWN.flip(0)], dim=1)
    for name, x, support_x, advice in (
        (
            "compares_in_pairs",
            _SHOWN.flip(0),
            _SHOWN,
            "6 queries it runs: query i meets example i only. Every query has to meet every example: `x[:, None]`, of "
            "shape (m, 1, d), beside `support_x`; and the cosine is over the features, `dim=-1`.",
        ),
        (
            "wrong_dimension",
            features[:2],
            features,
            "6 features instead of 3 it runs: something meant for the features runs over the examples. Say which "
            "dimension: `dim=-1` is that of the features in `x[:, None]` and `support_x`, and by default it is 1.",
        ),
    ):
        try:
            answer(x, support_x, _OWNERS, 3, 3.0)
        except Mistake:
            continue
        raise Mistake(
            name,
            f"With 2 queries and 6 examples of 3 features it fails, with {advice} What happened: {mistake.message}.",
            "raised",
        ) from None


def _expect_probabilities(got: Tensor) -> None:
    if got.max() <= 0 and near(got.exp().sum(1), torch.ones(len(got))):
        raise Mistake(
            "returns_logarithms",
            f"Row 0 is {show(got[0])}: logarithms of probabilities. Here the probabilities themselves are asked for, "
            "each between 0 and 1.",
        )


def _expect_shares(got: Tensor) -> None:
    """`got`, at sharpness 3 and with 2 shots, is probabilities over classes."""
    total = got.sum(1)
    if near(total, torch.full_like(total, 3.0)):
        raise Mistake(
            "sharpness_after_softmax",
            f"At sharpness 3 row 0, {show(got[0])}, sums to 3: every share was made three times as large. Sharpness "
            "multiplies the cosines, before the softmax.",
        )
    if near(total, torch.full_like(total, 0.5)):
        raise Mistake(
            "averages_attention",
            f"With 2 examples a class, row 0, {show(got[0])}, sums to one half: the attention to a class's examples "
            "was averaged. It is shared out among all examples, so that a class gets the sum of its shares.",
        )
    if got.min() < 0 or not near(total, torch.ones_like(total)):
        raise Mistake(
            "no_softmax",
            f"Row 0 is {show(got[0])} and sums to {show(total[0].item())}. Probabilities are positive and sum to 1: "
            "the softmax of the cosines over the examples sees to both.",
        )
    if near(got.amax(1), torch.ones(len(got))):
        raise Mistake(
            "takes_nearest",
            f"Row 0 is {show(got[0])}, at a sharpness of only 3: the most similar example decided alone. A slightly "
            "different embedding gives exactly the same, so no gradient says how to embed better. All examples have "
            "their say, each with its attention.",
        )


def _expect_sharpness(answer: Answer, got: Tensor) -> None:
    mild = _matched(answer, _ASKED, _SHOWN, _OWNERS, sharpness=1.0)
    if near(mild, got):
        raise Mistake(
            "ignores_sharpness",
            f"Query 0 gets {show(got[0])} at sharpness 1 and at sharpness 3. Cosines lie between -1 and 1, and their "
            "softmax is nearly flat: multiply them by `sharpness` first.",
        )
    if (got.amax(1) < mild.amax(1)).all():
        raise Mistake(
            "divides_by_sharpness",
            f"Query 0 gets {show(mild[0])} at sharpness 1 and {show(got[0])} at sharpness 3: the sharper, the flatter. "
            "Sharpness multiplies the cosines; what divides is a temperature.",
        )


def _expect_directions(answer: Answer, got: Tensor) -> None:
    """Neither a longer query nor a longer example changes anything."""
    longer = _matched(answer, _ASKED, _SHOWN * tensor([1.0, 5.0, 1.0, 1.0, 1.0, 1.0])[:, None], _OWNERS)
    if not near(longer, got, atol=1e-3):
        raise Mistake(
            "dot_product",
            f"Example 1 five times as long, and query 0 gets {show(longer[0])} instead of {show(got[0])}, though the "
            "example points where it did. A cosine compares directions only: divide by both lengths.",
        )
    longer = _matched(answer, 5 * _ASKED, _SHOWN, _OWNERS)
    if not near(longer, got, atol=1e-3):
        raise Mistake(
            "dot_product",
            f"Query 0 five times as long gets {show(longer[0])} instead of {show(got[0])}, though it points where it "
            "did. A cosine compares directions only: divide by both lengths.",
        )


def _expect_sums(answer: Answer, got: Tensor) -> None:
    """A class with every example twice gets twice the odds."""
    mine = _OWNERS == 1
    message = "With four examples of class 1 and two of the others it fails: a class may have more than another."
    with instead_of("raised", "same_shots_for_all", message):
        twice = _matched(answer, _ASKED, torch.cat([_SHOWN, _SHOWN[mine]]), torch.cat([_OWNERS, _OWNERS[mine]]))
    before, after = ((p[0, 1] / p[0, 0]).item() for p in (got, twice))
    if near(after, 2 * before, rtol=1e-3):
        return
    seen = (
        f"Give both examples of class 1 twice, and they get twice the attention: the odds of class 1 against class 0 "
        f"double. For query 0 yours were {show(before)} and are {show(after)}"
    )
    shares = _matching(_ASKED, _SHOWN, _OWNERS, 3, 3.0)
    means = _matching(_ASKED, torch.cat([_SHOWN, _SHOWN[mine]]), torch.cat([_OWNERS, _OWNERS[mine]]), 3, 3.0)
    means = means / tensor([2.0, 4.0, 2.0])
    if near(got, shares) and near(twice, means / means.sum(1, keepdim=True)):
        raise Mistake(
            "averages_attention",
            f"{seen}: the attention to a class's examples was averaged. Every example has its say: add up.",
        )
    raise Mistake(
        "softmax_over_classes",
        f"{seen}: the softmax came last, over one number for each class. Then a drawing that looks just like the query "
        "is spoiled by an odd one of its class. First the softmax over all examples, then the sum for each class.",
    )

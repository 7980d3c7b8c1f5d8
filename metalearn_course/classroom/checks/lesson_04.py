"""Checks for lesson 04, learning to compare."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import permutations
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, tensor, zeros
from torch.func import vmap

from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    expect_kind,
    instead_of,
    near,
    show,
)


@exercise(
    lesson="04",
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
    with _floats_expected():
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
    _expect_gradients(answer(leaf, _LABELS, 3, like=zeros(3, 2)), _prototypes(leaf, _LABELS, 3), {"x": leaf})
    x, y = torch.stack([_POINTS, _POINTS.flip(0)]), torch.stack([_LABELS, _LABELS.roll(1)])
    want = torch.stack([_prototypes(a, b, 3) for a, b in zip(x, y, strict=True)])
    _expect_vmap(answer, lambda function: vmap(lambda a, b: function(a, b, 3))(x, y), want)
    return "row c is the mean of class c, whatever the order and however many."


_POINTS = tensor([[1.0, 0.0], [5.0, 2.0], [0.0, 4.0], [3.0, 4.0], [2.0, 2.0], [7.0, 0.0]])
_LABELS = tensor([2, 0, 1, 0, 2, 1])


def _prototypes(x: Tensor, y: Tensor, ways: int) -> Tensor:
    labels = F.one_hot(y, ways).float()
    return labels.T @ x / labels.sum(0)[:, None]


@contextmanager
def _floats_expected() -> Iterator[None]:
    """Inside, a failure of labels that met float32 numbers as whole numbers is reported as that."""
    try:
        yield
    except Mistake as mistake:
        if mistake.name != "raised" or not re.search("same dtype|scalar type", mistake.message):
            raise
        raise Mistake(
            "labels_not_float",
            "`one_hot` gives whole numbers and `==` gives True and False; a matrix product with float32 features takes "
            f"neither. Make them float: `.float()`. What happened: {mistake.message}.",
            "raised",
        ) from None


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


def _expect_gradients(got: Tensor, want: Tensor, inputs: dict[str, Tensor]) -> None:
    """The same gradient arrives at every input as from `want`."""
    for name, leaf in inputs.items():
        reached, full = _gradient(got, leaf), _gradient(want, leaf)
        if reached is None or not near(reached, full, atol=1e-4):
            arrives = "no gradient" if reached is None else "another gradient"
            raise Mistake(
                "cuts_gradient",
                f"The numbers are right, but {arrives} arrives at `{name}`. The encoder learns through this step: no "
                "`detach`, no `no_grad`, and no numbers taken out of their tensors on the way.",
            )


def _gradient(result: Tensor, leaf: Tensor) -> Tensor | None:
    if not result.requires_grad:
        return None
    direction = torch.linspace(-1.0, 2.0, result.numel()).reshape(result.shape)
    try:
        return torch.autograd.grad(result, leaf, direction, retain_graph=True, allow_unused=True)[0]
    except RuntimeError as error:
        if "inplace" not in str(error):
            raise
        raise Mistake(
            "overwrites",
            "The numbers are right, but no gradient can run back: a tensor was written into (`w /= ...`) whose old "
            "values the gradient needs, as those of an exp. Make a new tensor: `w = w / ...`.",
        ) from None


def _expect_vmap(answer: Answer, expression: Callable[[Callable[..., Any]], Any], want: Tensor) -> None:
    """What is written for one task runs for a stack of tasks."""
    try:
        got = answer.within(expression, like=want)
    except Mistake as mistake:
        if mistake.name != "raised":
            raise
        if "boolean mask" in mistake.message:
            advice = (
                "a mask such as `x[y == c]` fails, for how many rows it keeps differs from task to task. Keep all "
                "rows, and multiply those that do not count by 0, as one-hot labels do."
            )
        elif "explicit positive num_classes" in mistake.message:
            advice = (
                "`one_hot` cannot look for the largest label, which differs from task to task. Give it the number of "
                "classes: `F.one_hot(y, ways)`."
            )
        else:
            advice = (
                "nothing can be written into a tensor of zeros, and no `if` can ask about a number: compute with "
                "whole tensors, or stack parts of them."
            )
        raise Mistake(
            "breaks_under_vmap",
            f"It is right for one task, but a stack of tasks goes through `vmap`, and there {advice} What happened "
            f"there: {mistake.message}.",
            mistake.name,
        ) from None
    expect_close(got, want, f"`vmap({answer.name})` on a stack of two tasks")


@exercise(
    lesson="04",
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
    got = answer(_QUERIES, _CORNERS)
    if isinstance(got, Tensor) and got.shape == (3, 4):
        raise Mistake(
            "classes_by_queries",
            "For 4 queries and 3 prototypes your result has shape (3, 4); expected (4, 3): a row for every query, with "
            "a logit for each class in it.",
            "wrong_shape",
        )
    expect_kind(got, zeros(4, 3), f"the result of `{answer.name}`")
    squares = (_QUERIES[:, None] - _CORNERS).square().sum(-1)
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
    if near(_centered(got), _centered(_QUERIES @ _CORNERS.T - _CORNERS.square().sum(1)), atol=1e-4):
        raise Mistake(
            "forgets_factor_two",
            f"Query 0 has the squared distances {show(squares[0])}, and your logits are {show(got[0])}: the square was "
            "multiplied out, and the product needs a factor 2, as in -(x - p)^2 = 2 x p - p^2 - x^2.",
        )
    moved = answer(_QUERIES + 2.0, _CORNERS + 2.0, like=zeros(4, 3))
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
    for x, c in ((_QUERIES, _CORNERS), (many, few)):
        expect_close(
            _centered(answer(x, c, like=zeros(len(x), len(c)))),
            _centered(_logits(x, c)),
            f"the logits of {len(x)} queries and {len(c)} prototypes of {x.shape[1]} features, each row less its mean",
        )
    x, c = _QUERIES.clone().requires_grad_(), _CORNERS.clone().requires_grad_()
    got, want = answer(x, c, like=zeros(4, 3)), _logits(x, c)
    _expect_gradients(_centered(got), _centered(want), {"x": x, "prototypes": c})
    xs, cs = torch.stack([_QUERIES, -_QUERIES]), torch.stack([_CORNERS, _CORNERS.flip(0)])
    want = _centered(torch.stack([_logits(_QUERIES, _CORNERS), _logits(-_QUERIES, _CORNERS.flip(0))]))
    _expect_vmap(answer, lambda function: _centered(vmap(function)(xs, cs)), want)
    return "the nearest prototype is the most probable, and the softmax sees squares."


_QUERIES = tensor([[1.0, 1.0, 1.0], [2.0, 3.0, 1.0], [4.0, 2.0, 0.0], [1.0, 0.0, 3.0]])
_CORNERS = tensor([[2.0, 1.0, 1.0], [1.0, 3.0, 1.0], [1.0, 1.0, 4.0]])


def _logits(x: Tensor, prototypes: Tensor) -> Tensor:
    return -(x[:, None] - prototypes).square().sum(-1)


def _centered(logits: Tensor) -> Tensor:
    """Logits without what all classes of a query share: all that a softmax sees of them."""
    return logits - logits.mean(-1, keepdim=True)


def _expect_squares(answer: Answer, got: Tensor) -> None:
    """Twice as far apart, the differences of logits are four times as large."""
    doubled = answer(2 * _QUERIES, 2 * _CORNERS, like=zeros(4, 3))
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


@exercise(
    lesson="04",
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
    with _floats_expected():
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
    _expect_gradients(got, want, {"x": x, "support_x": support_x})
    stack = (
        torch.stack([_ASKED, _ASKED.flip(1)]),
        torch.stack([_SHOWN, -_SHOWN]),
        torch.stack([_OWNERS, _OWNERS[order]]),
    )
    want = torch.stack([_matching(*task, 3, 3.0) for task in zip(*stack, strict=True)])
    _expect_vmap(answer, lambda function: vmap(lambda a, b, c: function(a, b, c, 3, 3.0))(*stack), want)
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


@exercise(
    lesson="04",
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
    x, y, c = _QUERIES, tensor([0, 1, 2, 2]), _CORNERS / 2
    alone, all_four = (answer(one, owner, c, like=tensor(0.0)) for one, owner in ((x[:1], y[:1]), (x, y)))
    want, want_all = (F.cross_entropy(_logits(one, c), owner) for one, owner in ((x[:1], y[:1]), (x, y)))
    if near(alone, F.cross_entropy(_logits(x[:1], c) / 3, y[:1])):
        raise Mistake(
            "averages_features",
            f"A query with 3 features has the squared distances {show(-_logits(x[:1], c)[0])} and the loss "
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


@exercise(
    lesson="04",
    title="repair the rotations",
    minutes=4,
    difficulty=2,
    mistakes=("late_binding", "wrong_plane", "remembers_calls", "clockwise"),
    hints=(
        "The functions are made in the loop and called after it. What is `k` then?",
        "A function looks its outer names up when it is called, not when it is made. Hand over the number at once: as "
        "a default of an argument, by `functools.partial`, or through a function that makes functions.",
        "`lambda image, k=k: image.rot90(k, (1, 2))`: a default is worked out when the function is made.",
    ),
)
def four_rotations(answer: Answer) -> str:
    made = answer()
    expect_kind(
        made,
        (_degrees,) * 4 if isinstance(made, tuple) else [_degrees] * 4,
        f"the result of `{answer.name}` (four functions)",
    )
    image = torch.arange(1.0, 10.0).reshape(1, 3, 3)

    def turned(function: Callable[[], Sequence[Callable[[Tensor], Tensor]]]) -> list[list[Tensor]]:
        turns, given = function(), [image.clone() for _ in range(8)]
        forth = [turn(one) for turn, one in zip(turns, given[:4], strict=True)]
        back = [turn(one) for turn, one in zip(reversed(turns), given[4:], strict=True)]
        return [forth, back[::-1], given]

    first, again, given = answer.within(turned)
    if not near(given, [image] * 8):
        raise Mistake(
            "changes_inputs", "A function changes the image that it is given. Make a new one, as `rot90` does."
        )
    for k, one in enumerate(first):
        if isinstance(one, Tensor) and one.ndim == 3 and one.shape != image.shape:
            raise Mistake(
                "wrong_plane",
                f"Function {k} turns an image of shape (1, 3, 3) into one of shape {tuple(one.shape)}: the channel was "
                "turned as well. Height and width are dimensions 1 and 2.",
                "wrong_shape",
            )
        expect_kind(one, image, f"what function {k} returns")
    degrees = [_degrees(one, image) for one in first]
    if degrees[0] is not None and len({*degrees}) == 1:
        raise Mistake(
            "late_binding",
            f"All four functions turn an image by {degrees[0]} degrees. They look `k` up when they are called, and "
            "the loop has ended by then, with its last value. Give each function its own number when it is made.",
        )
    if not near(first, again):
        raise Mistake(
            "remembers_calls",
            f"Called in order, the functions turn by {show(degrees)} degrees; called once more, from the last to the "
            f"first, they turn by {show([_degrees(one, image) for one in again])}. What one does depends on who was "
            "called before: give each its own number when it is made.",
        )
    if degrees == [0, 270, 180, 90]:
        raise Mistake(
            "clockwise",
            "Function 1 turns an image by a quarter clockwise, and function 3 by three. Counterclockwise is asked for: "
            "`image.rot90(k, (1, 2))` with a positive `k`, and the dimensions in this order.",
        )
    for k, (one, angle) in enumerate(zip(first, degrees, strict=True)):
        found = "none of the four angles" if angle is None else f"{angle} degrees"
        expect_close(
            one, image.rot90(k, (1, 2)), f"function {k} turns {image[0].int().tolist()} by {found}, not {90 * k}"
        )
    return "four functions, four angles."


def _degrees(one: Tensor, image: Tensor) -> int | None:
    """How far an image was turned, counterclockwise; None where it is not the image."""
    return next((90 * k for k in range(4) if near(one, image.rot90(k, (1, 2)))), None)


@exercise(
    lesson="04",
    title="repair the labels",
    minutes=4,
    difficulty=1,
    mistakes=("order_of_a_set", "query_numbered_anew", "counts_examples", "labels_follow_the_alphabet"),
    hints=(
        "In which order does `for name in set(names)` go, and who promises that it is the same for the queries, or "
        "tomorrow?",
        "A dictionary keeps the order in which its keys came in, and a key that comes again stays in its place. One "
        "numbering, made from the support set, serves both.",
        "`label = {name: i for i, name in enumerate(dict.fromkeys(support))}`, and then `label[name]` for every name.",
    ),
)
def episode_labels(answer: Answer) -> str:
    names = "Tagalog 07", "Arcadian 03", "Greek 12"
    got = _labels(answer, names, hashes=(0, 1, 2))
    for hashes in permutations(range(3)):
        other = _labels(answer, names, hashes)
        for place, name in zip(_FIRST, names, strict=True):
            if other[0][place] != got[0][place]:
                raise Mistake(
                    "order_of_a_set",
                    f"One episode, drawn in two runs of the program: {name!r} has label {got[0][place]} in one and "
                    f"{other[0][place]} in the other. Python scrambles the hashes of texts anew at every start, and "
                    "with them the order of a `set`. Number the classes in the order in which they come.",
                )
    _expect_one_numbering(names, *got)
    if sorted({*got[0].tolist()}) != [0, 1, 2]:
        raise Mistake(
            "counts_examples",
            f"For the support classes {', '.join(_support(names))} your labels are {show(got[0])}. There are 3 "
            "classes, so the labels are 0, 1 and 2: number the classes, not the examples.",
        )
    drawn = [(order, _labels(answer, order, hashes=(2, 0, 1))) for order in permutations(names)]
    label_of = [dict(zip(order, support[_FIRST].tolist(), strict=True)) for order, (support, _) in drawn]
    if all(one == label_of[0] for one in label_of):
        raise Mistake(
            "labels_follow_the_alphabet",
            f"However the classes are drawn, {min(names)!r} has label {label_of[0][min(names)]}: a label tells "
            "something about its class, without any support set. Label classes in the order in which they come.",
        )
    for order, labels in drawn:
        want = tensor(_SUPPORT), tensor([2, 0, 1, 2])
        expect_close(labels, want, f"the labels for support {show(list(order))} (each class twice) and their queries")
    return "one numbering, in the order of the drawing, for both sets and every run."


class _Name(str):
    """A text with a hash of our choice: another choice is another run of the program."""

    chosen: int

    def __new__(cls, text: str, chosen: int) -> _Name:
        name = super().__new__(cls, text)
        name.chosen = chosen
        return name

    def __hash__(self) -> int:
        return self.chosen


_SUPPORT = [0, 0, 1, 2, 1, 2]
_FIRST = [0, 2, 3]  # where each of them comes first


def _support(names: Sequence[str]) -> list[str]:
    return [names[i] for i in _SUPPORT]


def _labels(answer: Answer, names: Sequence[str], hashes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The labels of a 3-way 2-shot episode of these names, in a run with these hashes, and of four queries."""
    known = [_Name(name, chosen) for name, chosen in zip(names, hashes, strict=True)]
    like = torch.zeros(6, dtype=torch.int64), torch.zeros(4, dtype=torch.int64)
    return answer(_support(known), [known[i] for i in (2, 0, 1, 2)], like=like)


def _expect_one_numbering(names: Sequence[str], support: Tensor, query: Tensor) -> None:
    for name, in_support, in_query in zip(names, support[_FIRST], query[[1, 2, 0]], strict=True):
        if in_support != in_query:
            raise Mistake(
                "query_numbered_anew",
                f"{name!r} has label {in_support} in the support set and {in_query} in the query set: each set got "
                "a numbering of its own, and a right answer counts as wrong. Make one, from the support set, for both.",
            )


@exercise(
    lesson="04",
    title="everyone meets everyone",
    minutes=10,
    difficulty=3,
    stretch=True,
    mistakes=(
        "repeats_both_alike",
        "class_by_class",
        "query_first",
        "not_side_by_side",
        "cuts_gradient",
        "breaks_under_vmap",
    ),
    hints=(
        "With 2 classes and 3 queries, write down the six rows: which class and which query stand in each?",
        "Down the rows the classes run 0, 1, 0, 1, 0, 1, the whole list again and again; the queries run 0, 0, 1, 1, "
        "2, 2, each staying until it has met every class. One is `repeat`, the other `repeat_interleave`.",
        "`torch.cat([classes.repeat(len(x), 1, 1, 1), x.repeat_interleave(len(classes), 0)], dim=1)`.",
    ),
)
def relation_pairs(answer: Answer) -> str:
    classes, x = _maps(2, 10.0), _maps(4, 500.0)
    got = answer(classes, x)
    if isinstance(got, Tensor) and got.shape in ((16, 2, 1, 3), (8, 2, 2, 3), (8, 2, 1, 6), (8, 2, 1, 3)):
        raise Mistake(
            "not_side_by_side",
            f"Two classes and four queries with maps of shape (2, 1, 3) give shape {tuple(got.shape)}; expected "
            "(8, 4, 1, 3). In every pair the channels of the query follow those of the class: dimension 1.",
            "wrong_shape",
        )
    expect_kind(got, zeros(8, 4, 1, 3), f"the result of `{answer.name}`")
    first, last = got[:, 0, 0, 0], got[:, 2, 0, 0]
    if first.min() >= 500 and last.max() < 500:
        raise Mistake(
            "query_first",
            "The first two channels of your rows hold queries, the last two classes. A network has other weights for "
            "each channel, so whoever uses its weights has to keep the order: the class first, then the query.",
        )
    _expect_all_pairs(first, last)
    for ways, queries in ((2, 4), (3, 2), (1, 2)):
        classes, x = _maps(ways, 10.0), _maps(queries, 500.0)
        want = _pairs(classes, x)
        expect_close(
            answer(classes, x, like=zeros(want.shape)), want, f"the pairs of {ways} classes, {queries} queries"
        )
    classes, x = _maps(3, 1.0).requires_grad_(), _maps(2, 2.0).requires_grad_()
    got, want = answer(classes, x, like=zeros(6, 4, 1, 3)), _pairs(classes, x)
    _expect_gradients(got, want, {"classes": classes, "x": x})
    stack = torch.stack([_maps(3, 1.0), _maps(3, 2.0)]), torch.stack([_maps(2, 5.0), _maps(2, 6.0)])
    _expect_vmap(answer, lambda function: vmap(function)(*stack), vmap(_pairs)(*stack))
    return "every query meets every class, in rows that can be told apart."


def _maps(count: int, first: float) -> Tensor:
    """Feature maps (count, 2, 1, 3) that say whose they are: the first number of map i is first + 10 * i."""
    return first + 10.0 * torch.arange(count)[:, None, None, None] + torch.arange(6.0).reshape(2, 1, 3)


def _pairs(classes: Tensor, x: Tensor) -> Tensor:
    return torch.stack([torch.cat([c, q]) for q in x for c in classes])


def _expect_all_pairs(first: Tensor, last: Tensor) -> None:
    """Eight rows of 2 classes and 4 queries, by the first numbers of the two maps in each."""
    known = set(first.tolist()) <= {10.0, 20.0} and set(last.tolist()) <= {500.0, 510.0, 520.0, 530.0}
    if not known:
        raise Mistake("wrong_value", "Some rows hold maps that are neither a class's nor a query's.")
    rows = [(int(c) // 10 - 1, int(q) // 10 - 50) for c, q in zip(first.tolist(), last.tolist(), strict=True)]
    for query in range(4):
        met = [klass for klass, one in rows if one == query]
        if sorted(met) != [0, 1]:
            raise Mistake(
                "repeats_both_alike",
                f"(class, query) of your rows: {', '.join(map(str, rows))}. Query {query} meets "
                f"{' and '.join(f'class {klass}' for klass in met) or 'no class'}; it should meet class 0 and class 1, "
                "once each. While one list is run through, an entry of the other has to wait.",
            )
    if rows == [(klass, query) for klass in range(2) for query in range(4)]:
        raise Mistake(
            "class_by_class",
            f"(class, query) of your rows: {', '.join(map(str, rows))}. All pairs are there, class after class. The "
            "scores are then cut into rows of one query each, so its pairs stand together: row q * ways + c.",
        )

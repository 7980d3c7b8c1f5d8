"""The check of exercise 4.7, relation_pairs."""

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
)
from metalearn_course.classroom.checks.lesson_04.shared import LEARNS


@exercise(
    lesson="04",
    number=7,
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
    expect_gradients(got, want, {"classes": classes, "x": x}, LEARNS)
    stack = torch.stack([_maps(3, 1.0), _maps(3, 2.0)]), torch.stack([_maps(2, 5.0), _maps(2, 6.0)])
    expect_under_vmap(answer, lambda function: vmap(function)(*stack), vmap(_pairs)(*stack))
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

"""The check of exercise 7.6, normalize_queries."""

from __future__ import annotations

import torch
from torch import Tensor, tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show

_SUPPORT = tensor([[1.0, 0.0], [3.0, 20.0], [5.0, 40.0]])
_QUERY = tensor([[7.0, 20.0], [3.0, 60.0], [5.0, 0.0], [1.0, -20.0]])


@exercise(
    lesson="07",
    number=6,
    title="repair the statistics",
    minutes=4,
    difficulty=2,
    mistakes=(
        "uses_query_statistics",
        "mixes_statistics",
        "each_by_itself",
        "one_number_for_all_features",
        "leaves_them_raw",
    ),
    hints=(
        "When the first query arrives, alone, which examples are there to take a mean of?",
        "Mean and standard deviation are part of what is learned from the support set. Feature by feature, over its "
        "examples, dimension 0.",
        "`(query - support.mean(0)) / support.std(0)`.",
    ),
)
def normalize_queries(answer: Answer) -> str:
    got = answer(_SUPPORT, _QUERY, like=_QUERY)
    told = f"The query {show(_QUERY[0])} becomes {show(got[0])}"
    neighbors = torch.cat([_QUERY[:1], 3 * _QUERY[1:] + 1])
    moved = answer(_SUPPORT, neighbors, like=_QUERY)
    other_support = answer(3 * _SUPPORT + 1, _QUERY, like=_QUERY)
    if not near(moved[0], got[0]) and near(other_support, got):
        raise Mistake(
            "uses_query_statistics",
            f"{told} among these neighbors, and {show(moved[0])} among others: mean and standard deviation are those "
            "of the query batch. An answer then depends on who else is asked about, and a single query is 0 / 0. Take "
            "them from the support set.",
        )
    if not near(moved[0], got[0]):
        raise Mistake(
            "mixes_statistics",
            f"{told} among these neighbors, and {show(moved[0])} among others: the support set counts now, but the "
            "queries still have a part in the mean or in the standard deviation. Take both from the support set alone.",
        )
    if near(got, _QUERY):
        raise Mistake(
            "leaves_them_raw",
            f"{told}: as it came. Nothing leaks, and nothing is normalized. The support set has a mean and a standard "
            "deviation, too.",
        )
    if near(other_support, got):
        raise Mistake(
            "each_by_itself",
            f"{told}, whatever the support set is: each query was normalized over its own features. Nothing leaks, but "
            "what is high or low for a feature, other examples tell: those of the support set.",
        )
    wants = [(_QUERY - _SUPPORT.mean(0)) / _SUPPORT.std(0, correction=c) for c in (1, 0)]
    if not any(near(got, want, rtol=1e-3) for want in wants):
        _name_the_dimension(got, told)
        expect_close(got, wants[0], "the normalized queries")
    expect_close(answer(_SUPPORT, _QUERY[:1], like=_QUERY[:1]), got[:1], "the first query alone", rtol=1e-3)
    return "a query is measured by what was learned before it came."


def _name_the_dimension(got: Tensor, told: str) -> None:
    s = _SUPPORT
    for mean, std in ((s.mean(), s.std(0)), (s.mean(0), s.std()), (s.mean(), s.std()), (s.mean(), s.std(correction=0))):
        if near(got, (_QUERY - mean) / std, rtol=1e-3):
            raise Mistake(
                "one_number_for_all_features",
                f"{told}: both features were measured by one number, though in the support set their means are 3 and "
                "20, their standard deviations 2 and 20. Features have scales of their own: `mean(0)` and `std(0)`.",
            )

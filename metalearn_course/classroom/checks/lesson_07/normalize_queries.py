"""The check of exercise 7.6, normalize_queries."""

from typing import Any

import torch
from torch import Tensor, tensor

from ..at_random import Draw, at_random, looks_for
from ..kit import Answer, Case, Check, differs, equals, looks, near, rival, same


def normalize_queries(support: Tensor, query: Tensor) -> Tensor:
    return (query - support.mean(0)) / support.std(0)


def alone(function: Answer, support: Tensor, query: Tensor) -> Tensor:
    """By how much the first query comes out differently when it is alone."""
    return function(support, query[:1], like=query[:1]) - function(support, query, like=query)[:1]


def any_features(draw: Draw) -> Case:
    """Features that are neither constant nor symmetric, each with a scale of its own."""
    scales = tensor([1.0, draw.number(5.0, 20.0), draw.number(0.2, 0.5)])
    support = torch.stack([draw.order(6) ** 1.5 for _ in range(3)], 1) * scales
    return Case(support=support, query=5 * scales * draw.normal(4, 3))


def by_neither_std(got: Tensor, support: Tensor, query: Tensor) -> Any:
    one, other = ((query - support.mean(0)) / support.std(0, correction=correction) for correction in (1, 0))
    return not near(got, one, rtol=1e-3, atol=1e-3) and not near(got, other, rtol=1e-3, atol=1e-3) and {"right": one[0]}


def in_units_of_std(got: Tensor) -> Tensor:
    """The result, as if it had been divided by the deviation with its correction. Without one is right, too."""
    return WITH if near(got, WITHOUT, rtol=1e-3) else got


S = tensor([[1.0, 0.0], [3.0, 20.0], [5.0, 40.0]])
Q = tensor([[7.0, 20.0], [3.0, 60.0], [5.0, 0.0], [1.0, -20.0]])
WITH, WITHOUT = ((Q - S.mean(0)) / S.std(0, correction=correction) for correction in (1, 0))
FOUR = Case(support=S, query=Q)
OTHERS, OTHER_SUPPORT = FOUR.but(query=torch.cat([Q[:1], 3 * Q[1:] + 1])), FOUR.but(support=3 * S + 1)
ONE_NUMBER = (S.mean(), S.std(0)), (S.mean(0), S.std()), (S.mean(), S.std()), (S.mean(), S.std(correction=0))

CHECK = Check(
    normalize_queries,
    looks(
        FOUR,
        "uses_query_statistics",
        lambda got, then, other: not near(then[0], got[0]) and near(other, got),
        then=OTHERS,
        other=OTHER_SUPPORT,
    ),
    same(FOUR, OTHERS, "mixes_statistics", of=lambda got: got[0]),
    rival(FOUR, "leaves_them_raw", Q),
    differs(FOUR, OTHER_SUPPORT, "each_by_itself"),
    rival(FOUR, "one_number_for_all_features", *((Q - mean) / std for mean, std in ONE_NUMBER), rtol=1e-3),
    equals(FOUR, "the normalized queries", of=in_units_of_std, rtol=1e-3),
    equals(Case(alone, **FOUR.inputs), "the first query alone, less the same among the others"),
    at_random(any_features, looks_for("wrong_value/std", by_neither_std)),
)

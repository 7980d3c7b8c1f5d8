"""The check of exercise 4.7, relation_pairs."""

from typing import Any

import torch
from torch import Tensor

from ..at_random import at_random
from ..kit import Case, Check, differentiable, equals, looks, shaped, vmappable


def relation_pairs(classes: Tensor, x: Tensor) -> Tensor:
    return torch.stack([torch.cat([c, q]) for q in x for c in classes])


def pairs(classes: int, queries: int, first: float = 10.0, then: float = 500.0) -> Case:
    """Feature maps (count, 2, 1, 3) that say whose they are: the first number of map i is 10 * i more than of map 0."""
    maps = 10.0 * torch.arange(8)[:, None, None, None] + torch.arange(6.0).reshape(2, 1, 3)
    return Case(classes=first + maps[:classes], x=then + maps[:queries])


def rows_of(got: Tensor) -> list[tuple[int, int]]:
    """(class, query) of every row of the result for `EIGHT`; nothing where a row holds anything else."""
    rows = [(int(c) // 10 - 1, int(q) // 10 - 50) for c, q in got[:, [0, 2], 0, 0].tolist()]
    return rows if {*rows} <= {(c, q) for c in range(2) for q in range(4)} else []


def someone_misses_a_class(got: Tensor) -> dict[str, Any] | None:
    rows = rows_of(got)
    for query in range(4) if rows else ():
        met = [c for c, q in rows if q == query]
        if sorted(met) != [0, 1]:
            classes = " and ".join(f"class {c}" for c in met) or "no class"
            return {"rows": str(rows)[1:-1], "query": query, "met": classes}
    return None


def class_after_class(got: Tensor) -> Any:
    return rows_of(got) == [(c, q) for c in range(2) for q in range(4)] and {"rows": str(rows_of(got))[1:-1]}


EIGHT = pairs(2, 4)

CHECK = Check(
    relation_pairs,
    shaped(EIGHT, "not_side_by_side", (16, 2, 1, 3), (8, 2, 2, 3), (8, 2, 1, 6), (8, 2, 1, 3)),
    looks(EIGHT, "query_first", lambda got: got[:, 0, 0, 0].min() >= 500 and got[:, 2, 0, 0].max() < 500),
    looks(EIGHT, "repeats_both_alike", someone_misses_a_class),
    looks(EIGHT, "class_by_class", class_after_class),
    *(equals(case, "the pairs of classes {classes} and queries {x}") for case in (EIGHT, pairs(3, 2), pairs(1, 2))),
    differentiable(pairs(3, 2, 1.0, 2.0), "classes", "x"),
    vmappable(pairs(3, 2, 1.0, 5.0), pairs(3, 2, 2.0, 6.0), over=("classes", "x")),
    at_random(
        lambda draw: Case(classes=draw.normal(draw.count(2, 4), 3, 2, 2), x=draw.normal(draw.count(5, 7), 3, 2, 2)),
        what="the pairs of classes of shape {classes.shape} and queries of shape {x.shape}",
    ),
)

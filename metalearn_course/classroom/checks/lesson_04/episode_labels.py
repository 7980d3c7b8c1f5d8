"""The check of exercise 4.6, episode_labels."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import torch
from torch import Tensor, tensor

from ..at_random import Draw, at_random
from ..kit import Answer, Case, Check, equals, looks

NAMES = "Tagalog 07", "Arcadian 03", "Greek 12"
SUPPORT, QUERY = [0, 0, 1, 2, 1, 2], [2, 0, 1, 2]
FIRST, ASKED = [0, 2, 3], [1, 2, 0]  # where each class comes first, in the support and in the query set
LAST = [1, 4, 5]


def episode_labels(support: list[str], query: list[str]) -> tuple[Tensor, Tensor]:
    label = {name: i for i, name in enumerate(dict.fromkeys(support))}
    return tensor([label[name] for name in support]), tensor([label[name] for name in query])


class Name(str):
    """A text with a hash of our choice: another choice is another run of the program."""

    hash = 0

    def __hash__(self) -> int:
        return self.hash


def labels(function: Answer, names: Sequence[str], hashes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The labels of a 3-way 2-shot episode of these names, in a run with these hashes, and of four queries."""
    known = [type("Run", (Name,), {"hash": chosen})(name) for name, chosen in zip(names, hashes, strict=True)]
    like = torch.zeros(6, dtype=torch.int64), torch.zeros(4, dtype=torch.int64)
    return function([known[i] for i in SUPPORT], [known[i] for i in QUERY], like=like)


def unequal(these: Tensor, those: Tensor) -> dict[str, Any] | None:
    """The first class with two labels."""
    pairs = zip(NAMES, these, those, strict=True)
    return next(({"name": name, "here": here, "there": there} for name, here, there in pairs if here != there), None)


def numbers_examples(got: tuple[Tensor, Tensor]) -> bool:
    """The label of a class is the place of its first or of its last example."""
    return got[0][FIRST].tolist() in (FIRST, LAST)


def any_order(draw: Draw) -> Case:
    """A class may come again before another one comes at all."""
    ways = draw.count(4, 5)
    support, query = ([f"Greek {int(k):02}" for k in draw.labels(ways, n)] for n in (8, 6))
    return Case(support=["Greek 00", "Greek 01", "Greek 00", *support], query=query)


def same_in_any_order(**results: Any) -> Any:
    label_of = {frozenset(zip(c.inputs["names"], results[k][0][FIRST].tolist(), strict=True)) for k, c in DRAWN.items()}
    return len(label_of) == 1 and {"name": min(NAMES), "label": dict(*label_of)[min(NAMES)]}


ONCE = Case(labels, names=NAMES, hashes=(0, 1, 2))
DRAWN: dict[str, Any] = {" ".join(names): ONCE.but(names=names, hashes=(2, 0, 1)) for names in permutations(NAMES)}

CHECK = Check(
    episode_labels,
    *(
        looks(ONCE, "order_of_a_set", lambda got, then: unequal(got[0][FIRST], then[0][FIRST]), then=ONCE.but(hashes=h))
        for h in permutations(range(3))
    ),
    looks(ONCE, "query_numbered_anew", lambda got: unequal(got[0][FIRST], got[1][ASKED])),
    looks(ONCE, "counts_examples", numbers_examples),
    looks(ONCE, "labels_follow_the_alphabet", same_in_any_order, **DRAWN),
    *(equals(drawn, "the labels for support {names} (each class twice) and their queries") for drawn in DRAWN.values()),
    at_random(any_order, what="the labels for support {support} and query {query}"),
)

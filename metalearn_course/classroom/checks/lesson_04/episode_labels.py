"""The check of exercise 4.6, episode_labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import torch
from torch import Tensor, tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, show


@exercise(
    lesson="04",
    number=6,
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

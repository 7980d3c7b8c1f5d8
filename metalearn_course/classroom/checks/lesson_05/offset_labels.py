"""The check of exercise 5.1, offset_labels."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, tensor

from ..at_random import Draw, at_random
from ..kit import Case, Check, Rule, equals, fails, looks, near


def offset_labels(y: Tensor, ways: int) -> Tensor:
    return F.pad(F.one_hot(y, ways).float(), (0, 0, 1, 0))[:-1]


def moved_by(columns: int) -> Rule:
    """Every label came out `columns` to the right, in its own row, unless it fell off there."""

    def test(got: Tensor, y: Tensor, ways: int) -> Any:
        moved = [(t, label + columns) for t, label in enumerate(y.tolist()) if 0 <= label + columns < ways]
        t, other = moved[0]
        found = {"step": t, "row": got[t], "label": y[t], "other": other}
        return all(got[t, column] > 0 for t, column in moved) and found

    return looks(SIX, "shifts_classes", test)


def independent(row: int, step: int, key: str) -> Rule:
    """What stands in `row` may not change with the label of `step`."""

    def test(got: Tensor, y: Tensor, then: Tensor) -> Any:
        labels = {"label": y[step], "other": TURNED[step].inputs["y"][step]}
        found = {"row": row, "step": step, "earlier": step - 1, "before": got[row], "after": then[row]}
        return not near(then[row], got[row]) and labels | found

    return looks(SIX, key, test, then=TURNED[step])


def tells_of_one_class(got: Tensor) -> Any:
    told = got[0].argmax()
    return near(got[0], F.one_hot(told, len(got[0])).float()) and {"told": told}


def any_labels(draw: Draw) -> Case:
    ways = draw.count(5, 7)
    return Case(y=draw.labels(ways, draw.count(ways, 9)), ways=ways)


LABELS = tensor([2, 0, 1, 1, 0, 2])
SIX = Case(y=LABELS, ways=3)
TURNED = [SIX.but(y=(LABELS + F.one_hot(tensor(step), 6)) % 3) for step in range(6)]
FOUR_WAYS = Case(y=tensor([1, 0, 1]), ways=4)

CHECK = Check(
    offset_labels,
    moved_by(1),
    moved_by(-1),
    *(independent(t, t, "label_beside_its_image") for t in range(1, 6)),
    independent(0, 0, "label_beside_its_image/first"),
    *(independent(t, t + 1, "looks_ahead") for t in range(5)),
    independent(0, 5, "wraps_around"),
    looks(SIX, "starts_with_label_zero", tells_of_one_class),
    equals(SIX, "the labels before, for y = {y} with 3 ways"),
    fails(FOUR_WAYS, "ways_from_labels", "raised", "wrong_shape"),
    equals(FOUR_WAYS, "the labels before, for y = {y} with 4 ways"),
    equals(Case(y=tensor([1]), ways=2), "the labels before, for a single step"),
    at_random(any_labels, what="the labels before, for y = {y} with {ways} ways"),
)

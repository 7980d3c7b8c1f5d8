"""The check of exercise 0.1, add_stars."""

from typing import Any

from torch import Tensor, tensor

from ..at_random import at_random
from ..kit import Case, Check, equals, fails, looks


def add_stars(first: Tensor, second: Tensor) -> Tensor:
    return first + second


def numbers(got: Any) -> Any:
    return got.tolist() if isinstance(got, Tensor) else got


TWO = Case(first=tensor([1.0, 2.0]), second=tensor([10.0, 20.0]))
THREE = Case(first=tensor([0.5, 0.0, -1.0]), second=tensor([0.25, 0.0, 0.5]))

CHECK = Check(
    add_stars,
    fails(TWO, "adds_in_place", "changes_inputs"),
    looks(TWO, "joins", lambda got: numbers(got) == [1.0, 2.0, 10.0, 20.0], raw=True),
    looks(TWO, "adds_up_everything", lambda got: numbers(got) == 33.0, raw=True),
    equals(TWO, "the stars {first} and {second}"),
    equals(THREE, "the stars {first} and {second}"),
    at_random(lambda draw: Case(first=draw.normal(4), second=draw.normal(4))),
)

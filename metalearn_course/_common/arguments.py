"""Arguments as people give them: numbers may come from numpy or torch, too."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any


def is_whole(value: Any) -> bool:
    """Whether `value` is a whole number, of Python or numpy: True and 5.0 are none."""
    return hasattr(value, "__index__") and not isinstance(value, bool)


def whole(name: str, value: Any, least: int = 1) -> int:
    """`value` as an int. ValueError where it is no whole number of at least `least`."""
    if not is_whole(value) or operator.index(value) < least:
        raise ValueError(f"{name}={value!r}; expected at least {least}, a whole number. Change {name}.")
    return operator.index(value)


def number(name: str, value: Any, above: float = -math.inf, below: float = math.inf) -> float:
    """`value` as a float. ValueError where it is no number between `above` and `below`, both excluded."""
    try:
        x = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # RuntimeError: a tensor of several numbers
        x = math.nan
    if not above < x < below:
        raise ValueError(
            f"{name}={value!r}; expected a number between {above:g} and {below:g}, both excluded. Change {name}."
        )
    return x


def numbers(name: str, values: Iterable[Any], above: float = -math.inf, below: float = math.inf) -> tuple[float, ...]:
    """`values` as floats, each between `above` and `below`. ValueError as in `number`."""
    try:
        listed = list(values)
    except TypeError:
        raise ValueError(f"{name}={values!r}; expected several numbers. Give a tuple, as in {name}=(0.9,).") from None
    return tuple(number(f"{name}[{i}]", value, above, below) for i, value in enumerate(listed))


__all__ = ["is_whole", "number", "numbers", "whole"]

"""Arguments as people give them: numbers may come from numpy or torch, too. True and "3" are no numbers here."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any


def whole(name: str, value: Any, least: int = 1) -> int:
    """Check a whole number.

    Args:
        name: of the argument, for the message.
        value: what was given for it.
        least: the smallest number that is allowed.

    Returns:
        The value as an int.

    Raises:
        ValueError: if it is no whole number (5.0 is none), or too small.
    """
    try:
        given = None if _is_truth(value) else operator.index(value)
    except (TypeError, ValueError, RuntimeError):  # the last two: a tensor of several numbers
        given = None
    if given is None or given < least:
        raise ValueError(f"{name}={value!r}; expected at least {least}, a whole number. Change {name}.")
    return given


def number(
    name: str, value: Any, above: float = -math.inf, below: float = math.inf, *, least: float | None = None
) -> float:
    """Check a number.

    Args:
        name: of the argument, for the message.
        value: what was given for it.
        above: what it has to exceed.
        below: what it must not reach.
        least: the smallest number that is allowed, in place of `above`.

    Returns:
        The value as a float.

    Raises:
        ValueError: if it is no number, NaN, infinite, or out of range.
    """
    try:
        x = math.nan if _is_truth(value) or isinstance(value, (str, bytes)) else float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # RuntimeError: a tensor of several numbers
        x = math.nan
    if not above < x < below or (least is not None and x < least):
        raise ValueError(f"{name}={value!r}; expected {_range(above, below, least)}. Change {name}.")
    return x


def numbers(name: str, values: Iterable[Any], above: float = -math.inf, below: float = math.inf) -> tuple[float, ...]:
    """Check several numbers, each as `number` does: the message names the first that does not fit, by its place."""
    try:
        listed = list(values)
    except TypeError:
        raise ValueError(f"{name}={values!r}; expected several numbers. Give a tuple, as in {name}=(0.9,).") from None
    return tuple(number(f"{name}[{i}]", value, above, below) for i, value in enumerate(listed))


def _is_truth(value: Any) -> bool:
    """Whether `value` is a bool, or the bool of numpy or torch, both of which Python would count as 0 or 1."""
    return isinstance(value, bool) or str(getattr(value, "dtype", "")) in ("bool", "torch.bool")


def _range(above: float, below: float, least: float | None) -> str:
    if least is not None:
        return f"a number of at least {least:g}" + (f" and below {below:g}" if below < math.inf else "")
    if above == -math.inf and below == math.inf:
        return "a finite number"
    return f"a number between {above:g} and {below:g}, both excluded"


__all__ = ["number", "numbers", "whole"]

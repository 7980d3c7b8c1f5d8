"""Arguments as people give them: whole numbers may come from numpy, too."""

from __future__ import annotations

import operator
from typing import Any


def is_whole(value: Any) -> bool:
    """Whether `value` is a whole number, of Python or numpy: True and 5.0 are none."""
    return hasattr(value, "__index__") and not isinstance(value, bool)


def whole(name: str, value: Any, least: int = 1) -> int:
    """`value` as an int. ValueError where it is no whole number of at least `least`."""
    if not is_whole(value) or operator.index(value) < least:
        raise ValueError(f"{name}={value!r}; expected at least {least}, a whole number. Change {name}.")
    return operator.index(value)


__all__ = ["is_whole", "whole"]

"""Arguments as people give them: whole numbers may come from numpy, too."""

from __future__ import annotations

import operator
from typing import Any


def whole(name: str, value: Any, least: int = 1) -> int:
    """`value` as an int. ValueError where it is no whole number of at least `least`; True and 5.0 are none."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or number < least:
        raise ValueError(f"{name}={value!r}; expected a whole number of at least {least}. Change {name}.")
    return number


__all__ = ["whole"]

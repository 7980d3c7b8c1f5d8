"""Which worker begins with which tests: one line of them, cut into equal parts, from whose ends workers steal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")


class Takes(NamedTuple):
    """About how many seconds a test takes, 0 for the many that are short; what has the same `together` is one unit."""

    seconds: float = 0.0
    together: str | None = None


def shared_out(items: Sequence[Item], workers: int, takes: Callable[[Item], Takes]) -> list[Item]:
    """The same items in an order that `--dist worksteal` shares out well.

    It gives every worker a part of as many tests, and one that has nothing left steals from the end of another's. So
    each part begins with what takes long, the longest first and about as many seconds in every part, and ends with
    short tests, in their order: those change hands.
    """
    units: dict[object, list[Item]] = {}
    for number, item in enumerate(items):
        if takes(item).seconds:
            units.setdefault(takes(item).together or number, []).append(item)
    lasts = {key: sum(takes(item).seconds for item in unit) for key, unit in units.items()}
    parts: list[list[Item]] = [[] for _ in range(workers)]
    filled = [0.0] * workers
    for key in sorted(units, key=lambda key: -lasts[key]):
        least = filled.index(min(filled))
        parts[least] += units[key]
        filled[least] += lasts[key]
    short = [item for item in items if not takes(item).seconds]
    for part in parts[:-1]:
        room = max(0, len(items) // workers - len(part))
        part += short[:room]
        short = short[room:]
    parts[-1] += short
    return [item for part in parts for item in part]

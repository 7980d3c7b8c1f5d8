"""What lesson 06's picture is made of: boxes, squares, stars, arrows and words, as plain dicts."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any, NamedTuple

from ...studies.meta_words import WRITTEN, in_words
from ..picture import by_value

Point = tuple[float, float]

_DIGITS = string.digits + string.ascii_lowercase


class State(NamedTuple):
    """How an element is to be seen at a moment."""

    shown: bool
    reached: bool
    now: bool
    dim: bool
    cut: bool


def state_of(element: dict[str, Any], moment: int, words: set[str], arriving: bool = False) -> State:
    """words: "start" or "rate", "attached" or "detached", and "live" or "strip" where it is one of them.

    arriving: at the beginning of the moment, when the numbers that it brings are not there yet.
    """
    ghost, now = bool(element.get("ghost")), moment in element.get("now", ())
    reached = moment - (arriving and not ghost) >= element.get("since", 0)
    fits = set(element.get("where", ())) <= words and moment < element.get("till", 1_000)
    cut = bool(element.get("behind")) and "detached" in words
    dim = cut or element.get("of") == ({"start", "rate"} - words).pop()
    return State(fits and (reached or ghost), reached, now and not dim, dim, cut)


def all_states(elements: Sequence[dict[str, Any]], moments: int) -> dict[str, Any]:
    """`state_of` every element at every moment, live, for what asks nothing but to draw it; ready for JSON.

    tracks: texts of a character a moment, a digit in base 32 with a bit for each part of a State, the first the lowest.
    of: for each choice, such as "start attached", the number of every element's track; most elements share one.
    """
    numbers: dict[str, int] = {}
    of = {
        f"{target} {chain}": [
            numbers.setdefault(_track(element, moments, {target, chain, "live"}), len(numbers)) for element in elements
        ]
        for target in ("start", "rate")
        for chain in ("attached", "detached")
    }
    return {"tracks": list(numbers), "of": of}


def _track(element: dict[str, Any], moments: int, words: set[str]) -> str:
    states = (state_of(element, moment, words) for moment in range(moments))
    return "".join(_DIGITS[sum(part << place for place, part in enumerate(state))] for state in states)


def written(value: float | None) -> str:
    """A number in few characters; ∞ for one that is not finite."""
    return "∞" if value is None else in_words(value)


class Pieces:
    """Collects `elements`. `full` and `steep`: the weight, and the slope, that get the full color."""

    def __init__(self, count: int, full: float, steep: float) -> None:
        self.elements: list[dict[str, Any]] = []
        self.count, self.full, self.steep = count, full, steep

    def add(self, kind: str, **what: Any) -> None:
        """One more element; see `meta_scene` for what it may say."""
        self.elements.append({"kind": kind} | what)

    def box(self, x: float, y: float, width: float, height: float, color: str, **when: Any) -> None:
        """A frame, x and y being its upper left corner."""
        self.add("box", x=x, y=y, width=width, height=height, color=color, **when)

    def text(self, x: float, y: float, text: str, size: float = 11, color: str = "ink", **when: Any) -> None:
        """y: the middle of the line. small: its size in the strip, where it is left out otherwise."""
        self.add("text", x=x, y=y, text=text, size=size, color=color, **when)

    def note(self, x: float, y: float, text: str, **when: Any) -> None:
        """A small gray text."""
        self.text(x, y, text, 10.5, "quiet", **when)

    def arrow(self, *points: Point, color: str = "quiet", kind: str = "arrow", **when: Any) -> None:
        """A line through `points` with round corners, and an arrowhead."""
        self.add(kind, path=_rounded(points), color=color, **when)

    def weights(self, x: float, y: float, width: float, values: Sequence[float | None], **when: Any) -> None:
        """Squares colored by value around the height y, with their numbers where they are few."""
        count = len(values)
        if self.count > WRITTEN:
            when.pop("part", "")
        if self.count > WRITTEN or (count > 2 and width < 85):
            columns = -(-count // 2) if count > 3 else count
            for i, value in enumerate(values):
                left, top = x + 20 * (i % columns), y - (19 if count > columns else 9) + 20 * (i // columns)
                self.add("square", x=left, y=top, size=17, fill=self._shade(value), color="weight", **when)
            return
        columns, rows = (1 if count < 3 else 2), min(count, 2)
        side, size, small = (15, 11.5, 18) if count > 1 else (18, 12.5, 17) if width < 60 else (24, 14, 23)
        part = when.pop("part", "")
        for i, value in enumerate(values):
            which = {"part": f"{part} {i}"} if part else {}
            left, middle = x + (i % columns) * width / 2, y + (i // columns - (rows - 1) / 2) * 22
            square = {"x": left, "y": middle - side / 2, "size": side, "fill": self._shade(value), "color": "weight"}
            self.add("square", **square, **which, **when)
            self.text(left + side + 5, middle, written(value), size, anchor="start", small=small, **which, **when)

    def slope(self, x: float, y: float, values: Sequence[float | None], **when: Any) -> None:
        """The gradient with respect to weights: squares around (x, y), the redder the steeper."""
        columns = 1 if len(values) == 1 else 2 if len(values) < 5 else 3
        rows, side = -(-len(values) // columns), 24 / columns
        for i, value in enumerate(values):
            left, top = x + (i % columns - columns / 2) * side, y + (i // columns - rows / 2) * side
            share = 1.0 if value is None else abs(value) / self.steep
            square = {"x": left, "y": top, "size": side - (columns > 1), "heat": round(0.12 + 0.75 * share, 2)}
            self.add("square", **square, color="loss", **when)

    def _shade(self, value: float | None) -> str:
        return by_value(value, self.full)


def _rounded(points: Sequence[Point], radius: float = 9) -> list[list[Any]]:
    """A path along the points with rounded corners: ["M", x, y], ["L", x, y], ["Q", corner x, y, x, y]."""
    path: list[list[Any]] = [["M", *points[0]]]
    for before, corner, behind in zip(points, points[1:], points[2:], strict=False):
        (x0, y0), (x1, y1) = (_towards(corner, other, radius) for other in (before, behind))
        path += [["L", x0, y0], ["Q", *corner, x1, y1]]
    return [*path, ["L", *points[-1]]]


def _towards(a: Point, b: Point, far: float) -> Point:
    length = max(abs(b[0] - a[0]), abs(b[1] - a[1]))  # the paths run along the axes
    share = min(far, length / 2) / length
    return round(a[0] + share * (b[0] - a[0]), 1), round(a[1] + share * (b[1] - a[1]), 1)

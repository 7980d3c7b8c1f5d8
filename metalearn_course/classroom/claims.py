"""A number in prose, bound to the value that the notebook just computed."""

from __future__ import annotations

import json
import os
from pathlib import Path

from metalearn_course._common.arguments import number
from metalearn_course._common.console import say
from metalearn_course.evaluation import Evaluation

Bound = float | dict[str, float]


class ClaimError(AssertionError):
    """A claimed number fell outside its bounds."""


def claim(
    name: str,
    value: float | Evaluation,
    *,
    below: Bound | None = None,
    above: Bound | None = None,
    source: str | None = None,
    learned: bool = True,
) -> None:
    """Print `value` with its bounds, and fail outside them.

    Args:
        name: of the claim, as the line shows it.
        value: a number, or an `Evaluation`, whose mean counts.
        below: what the value has to be below. Bounds that differ between data sets are dicts, looked up by `source`, as
            in `above={"omniglot": 0.90, "glyphs": 0.93}, source=data.source`.
        above: what it has to exceed.
        source: the data set.
        learned: whether the claim is about something learned, which must fail when nothing was trained:
            `metalearn dev validate --ablate` tests that.

    Raises:
        ClaimError: if the value is out of bounds.
        ValueError: without a bound, for one that is no number, and for a source without one.
    """
    ablated = os.environ.get("METALEARN_ABLATE") == "1"
    measured = value.mean if isinstance(value, Evaluation) else float(value)
    shown = f"{measured:.3g} ± {value.interval:.2g}" if isinstance(value, Evaluation) else f"{measured:.3g}"
    low, high = _bound("above", above, source, name), _bound("below", below, source, name)
    if low is None and high is None:
        raise ValueError(f"claim({name!r}) claims nothing; give below=, above= or both.")
    if low is not None and high is not None:
        words = f"between {low:g} and {high:g}"
    else:
        words = f"above {low:g}" if low is not None else f"below {high:g}"
    holds = (low is None or measured > low) and (high is None or measured < high)
    record = {"claim": name, "value": measured, "bounds": words, "holds": holds, "learned": learned}
    if path := os.environ.get("METALEARN_CLAIMS"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
    line = f"{name}: {shown} (claimed {words})"
    say(f"{line} {'✓' if holds else '✗'}")
    if not holds and not (learned and ablated):
        raise ClaimError(line)


def _bound(side: str, bound: Bound | None, source: str | None, name: str) -> float | None:
    if bound is None:
        return None
    if not isinstance(bound, dict):
        return number(side, bound)
    if source not in bound:
        raise ValueError(f"claim({name!r}) has bounds for {', '.join(bound)}; source={source!r}. Name one of them.")
    return number(side, bound[source])

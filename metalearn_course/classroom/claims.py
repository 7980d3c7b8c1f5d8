"""A number in prose, bound to the value that the notebook just computed."""

from __future__ import annotations

import json
import os
from pathlib import Path

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

    Bounds that differ between data sets are dicts, looked up by `source`, as in
    `above={"omniglot": 0.90, "glyphs": 0.93}, source=data.source`. A claim about something learned must fail when
    nothing was trained, which `metalearn dev validate --ablate` tests; `learned=False` marks one about something else.
    There an Evaluation is made of few tasks, and so its claim holds if its interval only reaches the bounds.
    """
    ablated = os.environ.get("METALEARN_ABLATE") == "1"
    number = value.mean if isinstance(value, Evaluation) else float(value)
    shown = f"{number:.3g} ± {value.interval:.2g}" if isinstance(value, Evaluation) else f"{number:.3g}"
    low, high = _bound(above, source, name), _bound(below, source, name)
    if low is None and high is None:
        raise ValueError(f"claim({name!r}) claims nothing; give below=, above= or both.")
    if low is not None and high is not None:
        words = f"between {low:g} and {high:g}"
    else:
        words = f"above {low:g}" if low is not None else f"below {high:g}"
    doubt = value.interval if ablated and isinstance(value, Evaluation) else 0.0
    holds = (low is None or number + doubt > low) and (high is None or number - doubt < high)
    record = {"claim": name, "value": number, "bounds": words, "holds": holds, "learned": learned}
    if path := os.environ.get("METALEARN_CLAIMS"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
    line = f"{name}: {shown} (claimed {words})"
    say(f"{line} {'✓' if holds else '✗'}")
    if not holds and not (learned and ablated):
        raise ClaimError(line)


def _bound(bound: Bound | None, source: str | None, name: str) -> float | None:
    if not isinstance(bound, dict):
        return bound
    if source not in bound:
        raise ValueError(f"claim({name!r}) has bounds for {', '.join(bound)}; source={source!r}. Name one of them.")
    return bound[source]

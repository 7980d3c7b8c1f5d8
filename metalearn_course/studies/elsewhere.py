"""How far a learned rule carries: final losses in several settings, measured here and by the command.

The command is `benchmarks/learned_optimizers.py`. In its results, `rows[setting][rule]` is a mean final loss and
`rows[setting]["RULE, median"]` a median.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

MEASURES = ("mean", "median")


def by_command(
    rows: Mapping[str, Mapping[str, Any]], rules: Sequence[str], settings: Sequence[str], measure: str = "mean"
) -> list[list[float]]:
    """What the command measured, (rules, settings): the final loss of each of `rules` in each of `settings`."""
    _check(measure)
    ending = "" if measure == "mean" else ", median"
    return [[float(rows[setting][rule + ending]) for setting in settings] for rule in rules]


def final_losses(curves: Mapping[str, Tensor], measure: str = "mean") -> dict[str, float]:
    """The mean or median final loss in every setting. curves: for each what `curves` gave, (problems, steps + 1)."""
    _check(measure)
    ends = {setting: losses[:, -1] for setting, losses in curves.items()}
    return {setting: (end.mean() if measure == "mean" else end.median()).item() for setting, end in ends.items()}


def over_best(
    curves: Mapping[str, Tensor],
    rows: Mapping[str, Mapping[str, Any]],
    references: Sequence[str],
    measure: str = "mean",
) -> dict[str, float]:
    """`final_losses` in every setting, over the lowest that one of `references` has there in the command's `rows`."""
    ours = final_losses(curves, measure)
    columns = zip(*by_command(rows, references, list(ours), measure), strict=True)
    return {setting: loss / min(theirs) for (setting, loss), theirs in zip(ours.items(), columns, strict=True)}


def _check(measure: str) -> None:
    if measure not in MEASURES:
        raise ValueError(f'measure={measure!r} is unknown; choose "mean" or "median".')

"""How far what was learned carries: a table of final losses, each beside the best that tuning finds."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from .palette import FAINT, INK, QUIET
from .picture import BY_VALUE, Picture, brief, house_style, new_figure

_FULL = 10.0  # the ratio that gets the full color
_GAP = 0.35  # between the table and the rows beneath, in rows
_TINY = 1e-38
_FAILED, _MISSING = FAINT, "#FFFFFF"


@house_style()
def generalization(
    table: Any,
    rows: Sequence[str],
    columns: Sequence[str],
    references: Sequence[str],
    title: str = "",
    beneath: Mapping[str, Mapping[str, float]] | None = None,
) -> Picture:
    """Final losses, a row for each rule and a column for each setting, with the ratio to the best tuned reference.

    table: (rows, columns); infinite where training diverged, NaN where it was not measured. references: those of the
    rows that were tuned for every setting; in each column the lowest of their losses is what others are compared with.
    Blue is a lower loss than that, orange a higher one, the full color ten times. So colors are compared inside a
    column. beneath: for every name a loss in each of `columns`, such as one of few trainings. These rows stand apart,
    below the table and without color.
    """
    losses = np.asarray(table, dtype=float)
    if losses.shape != (len(rows), len(columns)):
        raise ValueError(f"The table has shape {losses.shape}; the names say {(len(rows), len(columns))}.")
    if missing := [name for name in references if name not in rows] or not references:
        raise ValueError(f"references={list(references)}; expected some of the rows {list(rows)}, got {missing}.")
    if (losses < 0).any():
        raise ValueError(f"A loss is {brief(np.nanmin(losses))}; ratios need losses that are not negative.")
    tuned = [i for i, name in enumerate(rows) if name in references]
    known = np.where(np.isnan(losses[tuned]), np.inf, losses[tuned])
    best, chosen = known.min(0), [tuned[k] for k in known.argmin(0)]

    names = [textwrap.fill(str(column), 14) for column in columns]
    lines = max(name.count("\n") for name in names) + 1
    apart = {name: [float(losses_of[column]) for column in columns] for name, losses_of in (beneath or {}).items()}
    height = len(rows) + (_GAP + len(apart) if apart else 0)
    fig = new_figure(max(3.6, 1.5 + 0.98 * len(columns)), 0.75 + 0.16 * lines + 0.5 * height)
    ax = fig.add_subplot()
    shades = np.ones((*losses.shape, 3))
    told = []
    for i, row in enumerate(rows):
        said = []
        for j, column in enumerate(columns):
            large, small = cell_words(losses[i, j], best[j], i == chosen[j])
            shades[i, j] = color = cell_color(losses[i, j], best[j])
            looks: dict[str, Any] = {"ha": "center", "va": "center", "color": readable_on(color)}
            ax.text(j, i - (0.14 if small else 0), large, fontsize=10 if small else 9, **looks)
            ax.text(j, i + 0.23, small, fontsize=8.5, **looks)
            said.append(f"{column}: {large}{f', {small}' if small else ''}")
        told.append(f"{row}, {'; '.join(said)}")
    told += _beneath(ax, apart, columns, best, len(rows) + _GAP)
    ax.imshow(shades, aspect="auto")
    ax.set_ylim(height - 0.5, -0.5)
    ax.set_xticks(range(len(columns)), names, color=INK, fontsize=9)
    places = [*range(len(rows)), *(len(rows) + _GAP + i for i in range(len(apart)))]
    ax.set_yticks(places, [textwrap.fill(str(row), 20) for row in (*rows, *apart)], color=INK, fontsize=9.5)
    for label in ax.get_yticklabels()[len(rows) :]:
        label.set_color(QUIET)
    edges = [np.arange(len(side) + 1) - 0.5 for side in (columns, rows)]
    ax.vlines(edges[0], edges[1][0], edges[1][-1], color="#BBBBBB", linewidth=0.8, clip_on=False)
    ax.hlines(edges[1], edges[0][0], edges[0][-1], color="#BBBBBB", linewidth=0.8, clip_on=False)
    ax.tick_params(length=0, which="both")
    ax.xaxis.tick_top()
    ax.spines[:].set_visible(False)
    if title:
        ax.set_title(title)
    ax.set_xlabel("loss, and how many times that of the best tuned reference", color=QUIET, fontsize=8.5, labelpad=6)
    return Picture(
        fig,
        f"{title + '. ' if title else ''}Table of final losses and of their ratios to the best tuned reference (of "
        f"{', '.join(references)}); blue cells are lower than it, orange ones higher. {'. '.join(told)}.",
    )


def _beneath(
    ax: Axes, apart: Mapping[str, Sequence[float]], columns: Sequence[str], best: Sequence[float], first: float
) -> list[str]:
    """Rows below the table, from the height `first` on, in quiet ink; and the words for each."""
    told = []
    for i, (row, losses) in enumerate(apart.items()):
        said = []
        for j, (column, loss) in enumerate(zip(columns, losses, strict=True)):
            words = [word for word in cell_words(loss, best[j], False) if word]
            ax.text(j, first + i, "\n".join(words), ha="center", va="center", color=QUIET, fontsize=8.5)
            said.append(f"{column}: {', '.join(words)}")
        told.append(f"{'Below the table, without color: ' if i == 0 else ''}{row}, {'; '.join(said)}")
    return told


def cell_words(loss: float, best: float, is_best: bool) -> tuple[str, str]:
    """A cell's two lines: the loss, or what became of it, and what it is beside the best tuned loss."""
    if math.isnan(loss):
        return "not measured", ""
    if math.isinf(loss):
        return "diverged", ""
    if is_best:
        return brief(loss), "best tuned"
    if math.isinf(best):
        return brief(loss), "tuned diverged"
    return brief(loss), f"{brief(_ratio(loss, best)) if _ratio(loss, best) < 1000 else 'over 1000'}×"


def cell_color(loss: float, best: float) -> tuple[float, float, float]:
    """White at the best tuned loss, blue below it, orange above; gray where training diverged."""
    if math.isnan(loss):
        return to_rgb(_MISSING)
    if math.isinf(loss):
        return to_rgb(_FAILED)
    size = -1.0 if math.isinf(best) else math.log(_ratio(loss, best)) / math.log(_FULL)
    red, green, blue, _ = BY_VALUE(0.5 + 0.5 * min(1.0, max(-1.0, size)))
    return red, green, blue


def readable_on(color: tuple[float, float, float]) -> str:
    """Black or white, whichever stands out more: at least 4.5 to 1 on every color (the contrast of WCAG 2)."""
    light = _luminance(color) + 0.05
    return "white" if 1.05 / light > light / 0.05 else "black"


def _luminance(color: tuple[float, float, float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _ratio(loss: float, best: float) -> float:
    return max(loss, _TINY) / max(best, _TINY)

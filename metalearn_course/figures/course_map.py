"""The map of the course: two questions, a table, and every method a cell of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from .palette import FAINT, INK, QUIET, WEIGHT
from .picture import Picture, blank_axes, house_style, new_figure

ROWS = {"compare": "with the examples", "read": "the examples into a state", "step": "along gradients"}
COLUMNS = ("exact", "first-order", "Reptile's difference", "implicit", "truncated", "ES", "PES")


@house_style()
def method_map(filled: Mapping[tuple[str, str], str] = MappingProxyType({})) -> Picture:
    """The course map. `filled` names the methods of a cell, with commas between: {("step", "exact"): "MAML, ANIL"}.

    Each gets a line of its own, or more where its name has line breaks.
    """
    for cell in filled:
        if cell[0] not in ROWS or cell[1] not in COLUMNS:
            raise ValueError(
                f"{cell} is no cell of the map; expected (row, column) with a row of {', '.join(ROWS)} "
                f"and a column of {', '.join(COLUMNS)}."
            )
    left, wide, high, top = 3.0, 1.42, 0.95, 1.5
    width, height = left + wide * len(COLUMNS), top + high * len(ROWS)
    fig = new_figure(height=7.0 * (height + 0.2) / width)
    ax = blank_axes(fig, width, height)
    ax.text(
        left + wide * len(COLUMNS) / 2,
        0.25,
        "How is the meta-gradient obtained?",
        weight="bold",
        ha="center",
        va="center",
    )
    ax.text(0, 1.05, "What does adapt do?", weight="bold", va="center")
    for j, column in enumerate(COLUMNS):
        words = column.replace(" ", "\n")
        ax.text(
            left + wide * (j + 0.5),
            1.05,
            words,
            ha="center",
            va="center_baseline",
            fontsize=8.5,
            color=INK,
            linespacing=1.15,
        )
    for i, (row, gloss) in enumerate(ROWS.items()):
        y = top + high * (i + 0.5)
        ax.plot([0, width], [y - high / 2] * 2, color=FAINT, linewidth=0.8)
        ax.text(0, y - 0.14, row, va="center", fontsize=10)
        ax.text(0, y + 0.2, gloss, va="center", fontsize=7.5, color=QUIET)
        for j, column in enumerate(COLUMNS):
            x = left + wide * (j + 0.5)
            method = filled.get((row, column))
            if method is None:
                ax.plot([x], [y], "o", color=FAINT, markersize=3.5)
            else:
                chip = {"boxstyle": "round,pad=0.4", "facecolor": WEIGHT, "edgecolor": "none"}
                look: dict[str, Any] = {"fontsize": 7.5, "color": "white", "weight": "bold"}
                ax.text(x, y, method.replace(", ", "\n"), ha="center", va="center", bbox=chip, **look)
    ax.plot([0, width], [height, height], color=FAINT, linewidth=0.8)
    told = {cell: method.replace("\n", " ") for cell, method in filled.items()}
    found = "; ".join(f"{method} in row {row}, column {column}" for (row, column), method in told.items())
    return Picture(
        fig,
        f"The map of the course, a table of two questions. Rows, what adapt does: {', '.join(ROWS)}. Columns, how the "
        f"meta-gradient is obtained: {', '.join(COLUMNS)}. "
        + (f"Filled: {found}." if found else "Every cell is still empty."),
    )

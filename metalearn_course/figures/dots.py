"""Several methods on several kinds of tasks: a row of dots for each kind."""

from __future__ import annotations

from collections.abc import Mapping

from .palette import FAINT, INK, strokes
from .picture import WIDTH, Picture, house_style, new_figure, title_and_key

Row = Mapping[str, tuple[float, float, float]]


@house_style()
def by_kind(rows: Mapping[str, Row], xlabel: str, title: str = "", chance: float | None = None) -> Picture:
    """A row for each kind of tasks; in it every method has a dot, and a line from its lowest to its highest value.

    Args:
        rows: kind -> method -> (value, lowest, highest), methods in the same order in every row.
        xlabel: what the values are.
        title: above the key.
        chance: where guessing is, drawn as a dotted line.
    """
    methods = _methods(rows)
    fig = new_figure(WIDTH + 0.6, 1.35 + (0.24 + 0.075 * len(methods)) * len(rows))
    ax = fig.add_subplot()
    apart = 0.7 / max(1, len(methods) - 1)
    for place, (method, stroke) in enumerate(zip(methods, strokes(methods), strict=True)):
        values = [(i, *row[method]) for i, row in enumerate(rows.values()) if method in row]
        heights = [i + apart * (place - (len(methods) - 1) / 2) for i, *_ in values]
        for y, (_, _, low, high) in zip(heights, values, strict=True):
            ax.plot([low, high], [y, y], color=stroke.color, linewidth=1.6, solid_capstyle="butt")
        ax.plot(
            [value for _, value, _, _ in values], heights, stroke.marker or "o", color=stroke.color, markersize=6.5,
            markeredgecolor="white", markeredgewidth=0.6, label=method,
        )  # fmt: skip
    for i in range(len(rows) - 1):
        ax.axhline(i + 0.5, color=FAINT, linewidth=0.8)
    if chance is not None:
        ax.axvline(chance, color=INK, linewidth=1, linestyle=(0, (1, 3)))
        ax.annotate("guessing", (chance, len(rows) - 0.6), xytext=(3, 0), textcoords="offset points", fontsize=8)
    ax.set(xlabel=xlabel, ylim=(len(rows) - 0.5, -0.5))
    ax.set_yticks(range(len(rows)), list(rows), fontsize=9.5, color=INK)
    ax.tick_params(axis="y", length=0)
    ax.grid(True, axis="x")
    title_and_key(ax, title)
    told = [
        f"{kind}: " + ", ".join(f"{method} {row[method][0]:.2f}" for method in methods if method in row)
        for kind, row in rows.items()
    ]
    return Picture(
        fig, f"{title + '. ' if title else ''}Dots, a row for each kind of tasks, {xlabel}. {'; '.join(told)}."
    )


def _methods(rows: Mapping[str, Row]) -> list[str]:
    """All methods, in the order of the first row that has each."""
    found: dict[str, None] = {}
    for row in rows.values():
        found.update(dict.fromkeys(row))
    if not found:
        raise ValueError("by_kind has no rows; give at least one kind of tasks with one method.")
    return list(found)

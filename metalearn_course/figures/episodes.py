"""An episode card: the support set left of a bar, the query set right of it."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch

from ..tasks.task import Task, one_task
from .images import as_drawn, paint, short_name
from .palette import INK, LIT, QUERY_TEXT, QUIET, RED, SUPPORT, label_colors
from .picture import WIDTH, Picture, blank_axes, house_style, new_figure

_PARTS = {"L": "the sampled labels", "S": "the support set", "B": "the query set"}


@house_style()
def episode_card(
    task: Task,
    index: int | None = None,
    names: Sequence[str] | None = None,
    highlight: str | None = None,
    ink: bool = True,
) -> Picture:
    """One episode with images; `index` picks it from a stack.

    names: what each global class is called (`characters.names`). highlight: "L", "S" or "B", the part of the card
    that this term of formula 3 speaks of. ink: whether large numbers of gray images are drawn dark; color stays
    as it is.
    """
    if highlight not in (None, *_PARTS):
        raise ValueError(f"highlight={highlight!r} is no part of an episode; expected 'L', 'S', 'B' or None.")
    task = task if index is None else one_task(task, index)
    if task.classes.ndim != 1 or len(task.classes) == 0:
        raise ValueError(
            f"classes have shape {tuple(task.classes.shape)}; expected one episode. Give index= for a stack."
        )
    ways = len(task.classes)
    support, query = as_drawn(task.support.x, ink), as_drawn(task.query.x, ink)
    rows = [[i for i, y in enumerate(task.support.y.tolist()) if y == label] for label in range(ways)]
    called = [class_name(c, names) for c in task.classes.tolist()]
    shots = max(map(len, rows))
    left, step, line = 1.15, 1.08, 1.42
    bar = left + max(2.1, shots * step) + 0.32
    columns = -(-len(query) // ways)
    width, height = bar + 0.4 + columns * step, 0.75 + ways * line
    inches = min(WIDTH / width, 0.62)
    fig = new_figure(width * inches, height * inches)
    ax = blank_axes(fig, width, height)
    panels = {
        "L": (0.0, 0.62, left - 0.15, height - 0.62),
        "S": (left - 0.15, 0.0, bar - left - 0.05, height),
        "B": (bar + 0.18, 0.0, width - bar - 0.18, height),
    }
    if highlight:
        x, y, w, h = panels[highlight]
        ax.add_patch(FancyBboxPatch((x, y), w, h, "round,pad=0,rounding_size=0.15", fc=LIT, ec=RED, lw=1.4, zorder=0))
    ax.text(left, 0.3, "support set S", va="center", fontsize=9.5, weight="bold", color=SUPPORT)
    ax.text(bar + 0.4, 0.3, "query set B", va="center", fontsize=9.5, weight="bold", color=QUERY_TEXT)
    ax.plot([bar, bar], [0.1, height - 0.05], color=INK, linewidth=1.6, solid_capstyle="butt")
    for label, members in enumerate(rows):
        y = 0.75 + label * line
        _chip(ax, 0.5, y + 0.5, label, 0.34)
        ax.text(left, y + 1.16, _fitting(called[label], bar - left), va="center", fontsize=7, color=QUIET)
        for j, i in enumerate(members):
            paint(ax, support[i], left + j * step, y)
    for k, (image, label) in enumerate(zip(query, task.query.y.tolist(), strict=True)):
        x, y = bar + 0.4 + (k % columns) * step, 0.75 + (k // columns) * line
        paint(ax, image, x, y)
        _chip(ax, x + 0.5, y + 1.2, label, 0.17)
    lit = f" Lit: {_PARTS[highlight]}." if highlight else ""
    counts = ", ".join(f"label {label} is {called[label]}" for label in range(ways))
    return Picture(
        fig,
        f"An episode: {ways} ways, {shots} shot{'' if shots == 1 else 's'}. Left of a bar the support set, a row of "
        f"images for each label ({counts}); right of it the query set, {len(query)} images with the labels "
        f"{', '.join(map(str, task.query.y.tolist()))} beneath.{lit}",
    )


def class_name(class_id: int, names: Sequence[str] | None) -> str:
    """What the class behind a label is called, in a few letters."""
    return f"class {class_id}" if names is None else short_name(names[class_id])


def _fitting(text: str, width: float) -> str:
    """The text, cut where it would run over the bar."""
    most = int(10 * width)
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _chip(ax: Axes, x: float, y: float, label: int, radius: float) -> None:
    color, on_it = label_colors(label)
    ax.add_patch(Circle((x, y), radius, facecolor=color, edgecolor="none", zorder=3))
    size = 34 * radius if radius > 0.2 else 6.5
    ax.text(x, y, str(label), ha="center", va="center_baseline", fontsize=size, color=on_it, weight="bold", zorder=4)

"""Lesson 07's picture: where a start is best before any step, and where it is best when a step may follow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ..studies.landscapes import nearest
from .palette import CONTOUR, INK, LEARNED, POOLED, QUIET, TASK_MARKERS, TASKS, WEIGHT
from .picture import Picture, brief, house_style, new_figure

NAMES = "ABCDE"
_STARTS = {"pooled start": (POOLED, "s", 12.0), "learned start": (LEARNED, "o", 10.5)}
_SHADES = LinearSegmentedColormap.from_list("loss", ["#FFFFFF", WEIGHT], N=24)
_FINE_SHADES = LinearSegmentedColormap.from_list("loss", ["#FFFFFF", WEIGHT], N=256)
_WHITE = [withStroke(linewidth=2.6, foreground="white")]


def with_looks(frames: dict[str, Any]) -> dict[str, Any]:
    """`landscape_frames` with what a widget needs to draw them as the picture does.

    For each task its `name`, `color` and `marker`; and `sides`, on which a learned start's number is written.
    """
    looks = [{"name": NAMES[k], "color": TASKS[k], "marker": TASK_MARKERS[k]} for k in range(len(frames["tasks"]))]
    tasks = [look | task for look, task in zip(looks, frames["tasks"], strict=True)]
    return frames | {"tasks": tasks, "sides": [_side(start, frames["pooled"]) for start in frames["learned"]]}


@house_style()
def landscapes(frames: dict[str, Any], start: Sequence[float] | None = None, alpha: float | None = None) -> Picture:
    """Two maps over the same starts: mean loss before any step, and after one; arrows show the step on each task.

    start: moved to the nearest point of the grid; without it, both minima are the starts. alpha: one of the frames'
    rates, the last by default.
    """
    alphas = frames["alphas"]
    if alpha is not None and alpha not in alphas:
        raise ValueError(f"alpha={alpha} was not computed; expected one of {', '.join(map(str, alphas))}.")
    at = len(alphas) - 1 if alpha is None else alphas.index(alpha)
    minima = {"pooled start": frames["pooled"], "learned start": frames["learned"][at]}
    starts = minima if start is None else {"this start": nearest(frames, start)}
    fig = new_figure(7.4, 4.2)
    left, right = fig.subplots(1, 2, sharey=True)
    norm = LogNorm(frames["range"][0], frames["range"][1], clip=True)
    for ax, a_map in ((left, frames["before"]), (right, frames["after"][at])):
        _draw_map(ax, frames, a_map, norm)
        ax.set_xlabel("$w_1$", fontsize=12)
    left.set_title("mean loss before any step")
    left.set_ylabel("$w_2$", fontsize=12, rotation=0)
    right.set_title(f"mean loss after one step, α = {alphas[at]:g}")
    for name, record in (minima | starts).items():
        side = 1 if name == "pooled start" else _side(record, frames["pooled"])
        _mark(left, name, tuple(record["at"]), record["before"], side)
        _mark(right, name, tuple(record["at"]), record["after"][at], side)
    for record in starts.values():
        _arrows(right, record, at)
    bar = fig.colorbar(ScalarMappable(norm, _SHADES), ax=(left, right), aspect=32, pad=0.02, shrink=0.85)
    bar.ax.yaxis.set_major_locator(FixedLocator(frames["levels"]))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.outline.set_visible(False)
    handles = left.get_legend_handles_labels()[0]
    handles.append(Line2D([], [], color=QUIET, linewidth=1.4, label=f"a task's own loss is {frames['outline_loss']:g}"))
    columns = max(3, -(-len(handles) // 2))
    by_row = [handle for column in range(columns) for handle in handles[column::columns]]
    fig.legend(handles=by_row, loc="outside lower center", ncols=columns, handletextpad=0.5, columnspacing=1.6)
    return Picture(fig, _told(frames, starts, at))


def shade(losses: Sequence[Sequence[float | None]], ends: Sequence[float]) -> np.ndarray:
    """A map as an image (points, points, 3) of bytes, a pixel a point, the top row the highest w2.

    White at the lower of `ends`, the weights' blue at the upper one, and where a loss is not finite.
    """
    values = np.array(losses, dtype=float)[::-1]
    shares = LogNorm(ends[0], ends[1], clip=True)(np.nan_to_num(values, nan=ends[1]))
    return _FINE_SHADES(shares, bytes=True)[..., :3]


def _side(record: dict[str, Any], pooled: dict[str, Any]) -> int:
    """Whether a number is written to the right of a start, 1, or to its left, -1: away from the pooled start's."""
    return 1 if record["at"][0] > pooled["at"][0] else -1


def _draw_map(ax: Axes, frames: dict[str, Any], a_map: dict[str, Any], norm: LogNorm) -> None:
    axis = frames["axis"]
    half = (axis[1] - axis[0]) / 2
    ends = (axis[0] - half, axis[-1] + half)
    shades = np.array(a_map["loss"], dtype=float)
    ax.imshow(shades, origin="lower", extent=(*ends, *ends), norm=norm, cmap=_SHADES, interpolation="bilinear")
    for line in a_map["lines"]:
        ax.plot(*np.array(line).T, color=CONTOUR, linewidth=0.7)
    for level, *place in a_map["labels"]:
        ax.annotate(f"{level:g}", place, ha="center", va="center", fontsize=8, color=INK, path_effects=_WHITE)
    for k, task in enumerate(frames["tasks"]):
        for line in task["outline"]:
            ax.plot(*np.array(line).T, color=TASKS[k], linewidth=1.4, path_effects=_WHITE, zorder=4)
        ax.plot(*task["lowest"], TASK_MARKERS[k], color=TASKS[k], markersize=8, markeredgecolor="white", zorder=5,
                label=f"minimum of task {NAMES[k]}")  # fmt: skip
        ax.annotate(NAMES[k], task["lowest"], xytext=(0, -11), textcoords="offset points", ha="center", va="center",
                    fontsize=8.5, color=INK, path_effects=_WHITE, zorder=5)  # fmt: skip
    ax.set(xlim=(axis[0], axis[-1]), ylim=(axis[0], axis[-1]), aspect="equal")
    ax.spines[:].set_visible(False)


def _mark(ax: Axes, name: str, at: tuple[float, float], value: float, side: int) -> None:
    """A start on a map, and the map's loss there beside it."""
    color, marker, size = _STARTS.get(name, (INK, "o", 10.0))
    inside, edge = (color, "white") if name in _STARTS else ("white", INK)
    ax.plot(*at, marker, markersize=size, markerfacecolor=inside, markeredgecolor=edge, markeredgewidth=1.6, zorder=6,
            label=name)  # fmt: skip
    ax.annotate(
        brief(value), at, xytext=(9 * side, 9 * side), textcoords="offset points", ha="left" if side > 0 else "right",
        va="center", color=color, fontsize=10.5, fontweight="bold", path_effects=_WHITE, zorder=9,
    )  # fmt: skip


def _arrows(ax: Axes, record: dict[str, Any], at: int) -> None:
    """From a start to where the step on each task leads; the head of a short arrow is small."""
    width = np.diff(ax.get_xlim()).item()
    for k, target in enumerate(record["adapted"][at]):
        if list(target) == list(record["at"]):
            continue
        head = 0.45 * min(1.0, 20 * math.dist(target, record["at"]) / width)
        ax.annotate(
            "", target, record["at"], zorder=8,
            arrowprops={"arrowstyle": f"-|>,head_width={head / 2},head_length={head}", "color": TASKS[k],
                        "linewidth": 1.9, "shrinkA": 0, "shrinkB": 0, "path_effects": _WHITE},
        )  # fmt: skip


def _told(frames: dict[str, Any], starts: dict[str, Any], at: int) -> str:
    alpha, pooled, learned = frames["alphas"][at], frames["pooled"], frames["learned"][at]
    bottoms = ", ".join(f"{name} {_said(task['lowest'])}" for name, task in zip(NAMES, frames["tasks"], strict=False))
    steps = [
        f"From {name if name == 'this start' else 'the ' + name} {_said(record['at'])} one step leads to "
        + ", ".join(f"{_said(w)} on {NAMES[k]}" for k, w in enumerate(record["adapted"][at]))
        + f"; the mean loss is {brief(record['before'])} before and {brief(record['after'][at])} after."
        for name, record in starts.items()
    ]
    return (
        f"Two maps of the mean loss of {len(frames['tasks'])} tasks over the same starts (w1, w2), the darker the "
        f"higher, with contour lines. The tasks are lowest at {bottoms}. Before any step the mean loss is lowest at "
        f"{_said(pooled['at'])}, {brief(pooled['before'])}; after one gradient step with alpha {alpha:g} on each task "
        f"it is lowest at {_said(learned['at'])}, {brief(learned['after'][at])}. {' '.join(steps)}"
    )


def _said(w: Sequence[float]) -> str:
    return f"({', '.join(f'{v:.2f}' for v in w)})"

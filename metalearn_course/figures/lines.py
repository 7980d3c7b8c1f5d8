"""Lines against a number, and intervals beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from ..evaluation import Evaluation
from .palette import INK, QUIET, WEIGHT, strokes
from .picture import Picture, brief, house_style, log_axis, new_figure, title_and_key


@house_style()
def curves(
    series: Mapping[str, Any],
    xlabel: str,
    ylabel: str,
    title: str = "",
    logx: bool = False,
    logy: bool = False,
    marks: Mapping[str, float] | None = None,
) -> Picture:
    """A line for every label: values, (steps, values), or (steps, mean, low, high) for a line in its band.

    `marks` are horizontal lines to compare with, as {"chance": 0.2}. Points that are not finite are left out.
    """
    fig = new_figure(6.2, 3.5)
    ax = fig.add_subplot()
    told = []
    for (label, values), stroke in zip(series.items(), strokes(list(series)), strict=True):
        x, y, band = _points(label, values)
        if band is not None:
            ax.fill_between(x, *band, color=stroke.color, alpha=0.15, linewidth=0)
        marker = stroke.marker if len(x) <= 15 else ""
        ax.plot(x, y, color=stroke.color, linestyle=stroke.dash, marker=marker, markersize=4.5, label=label)
        told.append(_told(label, x, y))
    for label, level in (marks or {}).items():
        ax.axhline(level, color=QUIET, linewidth=1, linestyle=(0, (2, 3)), zorder=1)
        ax.annotate(
            f"{label} {brief(level)}", (1, level), xycoords=("axes fraction", "data"), xytext=(4, 0),
            textcoords="offset points", va="center", fontsize=8.5, color=QUIET,
        )  # fmt: skip
        told.append(f"a dotted line marks {label} at {brief(level)}")
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale="log" if logx else "linear", yscale="log" if logy else "linear")
    ax.grid(True)
    for axis, is_log in ((ax.xaxis, logx), (ax.yaxis, logy)):
        if is_log:
            log_axis(axis)
    if not logx and all(
        float(x).is_integer() for line in ax.lines[: len(series)] for x in np.asarray(line.get_xdata())
    ):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    title_and_key(ax, title)
    axes = f"{ylabel}{' (log)' if logy else ''} against {xlabel}{' (log)' if logx else ''}"
    return Picture(fig, f"{title + '. ' if title else ''}Line chart, {axes}: {'; '.join(told)}.")


@house_style()
def comparison(
    rows: Mapping[str, Evaluation | tuple[float, float]],
    xlabel: str,
    reference: float | Mapping[str, float] | None = None,
) -> Picture:
    """A row for each method: a dot at its mean and its 95% interval. `reference` is a line, as {"chance": 0.2}."""
    named = {"": float(reference)} if isinstance(reference, (int, float)) else dict(reference or {})
    pairs = {name: (r.mean, r.interval) if isinstance(r, Evaluation) else r for name, r in rows.items()}
    fig = new_figure(6.2, 0.75 + 0.36 * len(pairs))
    ax = fig.add_subplot()
    for i, (mean, interval) in enumerate(pairs.values()):
        ax.errorbar(mean, i, xerr=interval, fmt="o", color=WEIGHT, markersize=6, elinewidth=2, capsize=4, capthick=1.4)
        ax.annotate(
            f"{mean:.3f}", (mean + interval, i), xytext=(7, 0), textcoords="offset points", va="center", fontsize=8,
            color=QUIET,
        )  # fmt: skip
    for label, level in named.items():
        ax.axvline(level, color=QUIET, linewidth=1, linestyle=(0, (2, 3)), zorder=1)
        ax.annotate(label, (level, 1), xycoords=("data", "axes fraction"), xytext=(0, 3), textcoords="offset points",
                    ha="center", fontsize=8.5, color=QUIET)  # fmt: skip
    ax.set(xlabel=xlabel, ylim=(len(pairs) - 0.4, -0.75))
    ax.set_yticks(range(len(pairs)), list(pairs), fontsize=9.5, color=INK)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(True, axis="x")
    ax.margins(x=0.12)
    told = [f"{name} {mean:.3f} ± {interval:.3f}" for name, (mean, interval) in pairs.items()]
    told += [f"a dotted line at {(label + ' ' + brief(level)).strip()}" for label, level in named.items()]
    return Picture(fig, f"{xlabel}, a dot with its 95% interval for each method: {'; '.join(told)}.")


def _points(label: str, values: Any) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
    """x, y and the band of one series, without the points that are not finite."""
    parts: Sequence[Any] = values if isinstance(values, tuple) else (range(len(values)), values)
    if len(parts) not in (2, 4):
        raise ValueError(
            f"series {label!r} is a tuple of {len(parts)}; expected (steps, values) or (steps, mean, low, high)."
        )
    arrays = [np.asarray(part, dtype=float).ravel() for part in parts]
    if len({len(a) for a in arrays}) != 1:
        raise ValueError(f"series {label!r} has parts of lengths {[len(a) for a in arrays]}; expected equal ones.")
    keep = np.isfinite(arrays[0]) & np.isfinite(arrays[1])
    x, y, *band = (a[keep] for a in arrays)
    return x, y, (band[0], band[1]) if band else None


def _told(label: str, x: np.ndarray, y: np.ndarray) -> str:
    if not len(y):
        return f"{label} has no finite value"
    low = int(y.argmin())
    ends = f"{label} goes from {brief(y[0])} at {brief(x[0])} to {brief(y[-1])} at {brief(x[-1])}"
    inside = 0 < low < len(y) - 1 and not math.isclose(y[low], min(y[0], y[-1]), rel_tol=0.02)
    return ends + (f", lowest {brief(y[low])} at {brief(x[low])}" if inside else "")

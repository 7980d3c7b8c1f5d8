"""Sine waves: many faint ones, and what a few dots of one of them let a model find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..tasks.task import Examples, Task
from .palette import FAINT, INK, LABELS, LEARNED, POOLED, QUIET, SUPPORT, strokes
from .picture import WIDTH, Picture, brief, house_style, log_axis, new_figure, title_and_key

_DASHES = ("-", (0, (7, 2)), (0, (2, 1.5)), (0, (6, 2, 1, 2)))
_MARKERS = ("o", "s", "^", "D")


@house_style()
def wave_bundle(tasks: Task, highlight: Sequence[int] | None = None) -> Picture:
    """A stack of waves (`Sinusoids(grid=True)`) as a faint bundle; a few stand out, with their support points.

    highlight: which ones; the first three by default.
    """
    count = len(tasks.query.x)
    chosen = list(range(min(3, count))) if highlight is None else list(highlight)
    fig = new_figure(WIDTH, 3.1)
    ax = fig.add_subplot()
    x, y = np.asarray(tasks.query.x)[..., 0], np.asarray(tasks.query.y)[..., 0]
    ax.plot(x.T, y.T, color="#DADADA", linewidth=0.7, zorder=1)
    for k, i in enumerate(chosen):
        color, dash, marker = LABELS[(0, 5, 2, 3)[k % 4]], _DASHES[k % 4], _MARKERS[k % 4]
        ax.plot(x[i], y[i], color=color, linestyle=dash, linewidth=2)
        dots = np.asarray(tasks.support.x)[i, :, 0], np.asarray(tasks.support.y)[i, :, 0]
        ax.plot(*dots, marker, color=color, markersize=7, markeredgecolor="white", zorder=4)
    _wave_axes(ax, float(np.abs(y).max()))
    shots = tasks.support.x.shape[1]
    return Picture(
        fig,
        f"{count} sine waves as a faint bundle, x from {x.min():g} to {x.max():g}, y from {brief(y.min())} to "
        f"{brief(y.max())}. {len(chosen)} of them stand out, each with its {shots} support points; their amplitudes "
        f"are {', '.join(brief(float(np.abs(y[i]).max())) for i in chosen)}. No single curve could follow them all.",
    )


@house_style()
def wave_fit(x: Any, truth: Any, support: Examples | None, predictions: Mapping[str, Any], title: str = "") -> Picture:
    """One wave, the few dots that were shown (if any), and what each method makes of them."""
    grid, wave = np.asarray(x, dtype=float).ravel(), np.asarray(truth, dtype=float).ravel()
    fig = new_figure(WIDTH, 3.3)
    ax = fig.add_subplot()
    ax.plot(grid, wave, color=INK, linestyle=(0, (4, 3)), linewidth=1.2, label="truth")
    told = []
    for (label, values), stroke in zip(predictions.items(), strokes(list(predictions), avoid=SUPPORT), strict=True):
        line = np.asarray(values, dtype=float).ravel()
        ax.plot(grid, line, color=stroke.color, linestyle=stroke.dash, linewidth=2, label=label)
        told.append(f"{label}, mean squared error {brief(float(((line - wave) ** 2).mean()))}")
    if support is not None:
        ax.plot(np.asarray(support.x).ravel(), np.asarray(support.y).ravel(), "o", color=SUPPORT, markersize=8,
                markeredgecolor="white", zorder=5, label="support")  # fmt: skip
    _wave_axes(ax, float(np.abs(wave).max()) * 1.25)
    title_and_key(ax, title)
    dots = "" if support is None else f"{support.x.shape[0]} support points on it, "
    return Picture(
        fig,
        f"{title + '. ' if title else ''}A sine wave of amplitude {brief(float(np.abs(wave).max()))} (dashed), "
        f"{dots}and predictions over the whole of it: {'; '.join(told)}.",
    )


@house_style()
def two_starts(frames: Mapping[str, Any], step: int) -> Picture:
    """What `two_starts_frames` computed, after `step` gradient steps: two curves above, their errors below."""
    if step not in frames["steps"]:
        raise ValueError(f"step={step} was not computed; expected one of {', '.join(map(str, frames['steps']))}.")
    at = frames["steps"].index(step)
    known = frames["truth"] is not None
    fig = new_figure(WIDTH, 4.4 if known else 3.2)
    axes = fig.subplots(2, 1, height_ratios=[2.3, 1]) if known else [fig.add_subplot()]
    x = frames["x"]
    shown = [y for y in (*frames["support"]["y"], *(frames["truth"] or [])) if y is not None]
    if known:
        axes[0].plot(x, frames["truth"], color=INK, linestyle=(0, (4, 3)), linewidth=1.2, label="truth")
    told = []
    for name, color, dash, marker in (("pooled", POOLED, "-", "s"), ("learned", LEARNED, (0, (7, 2)), "o")):
        label = f"{name} start"
        axes[0].plot(
            x, np.array(frames[name]["curves"][at], float), color=color, linestyle=dash, linewidth=2.2, label=label
        )
        if known:
            error = np.array(frames[name]["error"], float)
            where = np.arange(len(error))
            axes[1].plot(where, error, color=color, linestyle=dash, marker=marker, markersize=4)
            axes[1].plot([at], error[[at]], marker, color=color, markersize=9, markeredgecolor="white", zorder=5)
            told.append(
                f"the {label} has a mean squared error of {brief(error[at])}, after 0 steps it was {brief(error[0])}"
            )
    dots = frames["support"]
    axes[0].plot(
        dots["x"], dots["y"], "o", color=SUPPORT, markersize=8, markeredgecolor="white", zorder=5, label="support"
    )
    _wave_axes(axes[0], max(2.0, *map(abs, shown)) * 1.1)
    title_and_key(axes[0], f"after {step} gradient step{'' if step == 1 else 's'} on the dots")
    if known:
        axes[1].axvline(at, color=QUIET, linewidth=0.9, linestyle=(0, (2, 3)))
        axes[1].set_xticks(range(len(frames["steps"])), frames["steps"])
        axes[1].set(xlabel="gradient steps", ylabel="mean\nsquared error", yscale="log")
        axes[1].grid(True)
        axes[1].margins(y=0.15)
        log_axis(axes[1].yaxis)
    return Picture(
        fig,
        f"Two models after {step} gradient steps on the same {len(dots['x'])} points, one from the pooled start and "
        f"one from the learned start{', with the true wave dashed' if known else ''}. "
        + (f"Against the whole wave, {'; '.join(told)}." if known else "The points lie on no known wave."),
    )


def _wave_axes(ax: Axes, reach: float) -> None:
    ax.set(xlim=(-5.15, 5.15), ylim=(-1.08 * reach, 1.08 * reach), xlabel="x", ylabel="y")
    ax.axhline(0, color=FAINT, linewidth=0.8, zorder=0)

"""Lesson 08's picture: what was learned about stepping, and where it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ..studies.responses import Responses, signed_log
from ..studies.step_frames import step_frames
from .palette import FAINT, INK, LEARNED, on_screen, strokes
from .picture import Picture, brief, house_style, log_axis, new_figure

PANELS = (1, 20, 80)
_TICKS = range(-4, 9, 2)
_DASHES = [[], [1.5, 1.5], [8, 2, 1.5, 2], [4, 1.5], [3, 1.5, 1, 1.5, 1, 1.5]]
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def steps(responses: Responses, curves: Mapping[str, Any], horizon: int) -> Picture:
    """Left, update against gradient for each rule, a panel for each of three steps; right, the loss of every step.

    responses: of `update_responses`. curves: for each rule what `evaluation.curves` gave, (problems, steps + 1).
    horizon: how many steps the learned rule was meta-trained on; a dashed line marks it. Of more than three steps those
    nearest to 1, 20 and 80 are shown.
    """
    return steps_picture(with_looks(step_frames(responses, curves, horizon)))


@house_style()
def steps_picture(frames: dict[str, Any], shown: Sequence[int] | None = None) -> Picture:
    """The picture of `with_looks(step_frames(...))`; `shown`: which of its steps, by their place among them."""
    shown = panels(frames["steps"]) if shown is None else shown
    fig = new_figure(7.6, 4.7)
    grid = fig.add_gridspec(len(shown), 2, width_ratios=[1.15, 1])
    charts = [fig.add_subplot(grid[i, 0]) for i in range(len(shown))]
    for ax, k in zip(charts, shown, strict=True):
        _panel(ax, frames, k)
    for ax in charts[:-1]:
        ax.tick_params(labelbottom=False)
    charts[-1].set_xlabel("gradient (signed log)")
    fig.align_ylabels(charts)
    _losses(fig.add_subplot(grid[:, 1]), frames, [frames["steps"][k] for k in shown])
    named = {line["name"]: line for line in (*frames["rules"], *frames["curves"])}
    handles = [
        Line2D([], [], **_stroke(line), marker=line["marker"], markersize=5.5, label=name)
        for name, line in named.items()
    ]
    fig.legend(handles=handles, loc="outside upper left", ncols=min(4, len(handles)), handlelength=4, columnspacing=2)
    return Picture(fig, _told(frames, shown))


def with_looks(frames: dict[str, Any]) -> dict[str, Any]:
    """`step_frames`, and how they look: a color, a dash and a marker for every rule and curve, ticks for the places."""
    names = list(dict.fromkeys(line["name"] for line in (*frames["rules"], *frames["curves"])))
    looks = _looks(names)
    dressed = {part: [line | looks[line["name"]] for line in frames[part]] for part in ("rules", "curves")}
    return frames | dressed | {"ticks": _ticks(min(frames["gradients"]), max(frames["gradients"]))}


def _looks(names: list[str]) -> dict[str, dict[str, Any]]:
    """Name, color, dash and marker of every rule; a learned rule's color comes with a dash and a marker of its own."""
    others, looks = iter(list(zip(_DASHES, "s^Dvs", strict=True)) * len(names)), {}
    for name, stroke in zip(names, strokes(names), strict=True):
        dash, marker = ([7, 2], "o") if stroke.color == LEARNED else next(others)
        colors = {"color": stroke.color, "screen": on_screen(stroke.color)}
        looks[name] = {"name": name, "dash": dash, "marker": marker} | colors
    return looks


def _ticks(least: float, most: float) -> list[list[Any]]:
    """Places on the axis of gradients, and what is written there."""
    powers = [(10.0**e, _power(e)) for e in _TICKS]
    ticks = [*((-value, f"−{text}") for value, text in powers[::-1]), (0.0, "0"), *powers]
    return [[float(signed_log(value)), text] for value, text in ticks if least <= value <= most]


def _power(exponent: int) -> str:
    """10 to it, as an axis shows it: plain from 1 to 100."""
    return f"{10**exponent}" if 0 <= exponent <= 2 else "10" + str(exponent).translate(_RAISED)


def panels(steps: Sequence[int]) -> list[int]:
    """Which of the steps get a panel, by their place among them: all of three, or those nearest to 1, 20 and 80."""
    if len(steps) <= len(PANELS):
        return list(range(len(steps)))
    return sorted({min(range(len(steps)), key=lambda k: abs(steps[k] - panel)) for panel in PANELS})


def _stroke(line: dict[str, Any]) -> dict[str, Any]:
    return {"color": line["color"], "linestyle": (0, tuple(line["dash"])) if line["dash"] else "-", "linewidth": 1.9}


def _panel(ax: Axes, frames: dict[str, Any], k: int) -> None:
    """One step: a response curve for each rule, the pairs that came as faint dots, the pair of the weight asked."""
    reach, places = frames["reach"][k], frames["places"]
    ax.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    ax.axvline(0, color=FAINT, linewidth=0.8, zorder=0)
    for rule in frames["rules"]:
        color, marker = rule["color"], rule["marker"]
        dots = np.array(rule["dots"][k], dtype=float).reshape(-1, 2).T
        place, _, update = rule["actual"][k]
        ax.scatter(dots[0], dots[1], s=9, marker=marker, color=color, alpha=0.28, linewidths=0, zorder=1)
        ax.plot(places, np.array(rule["updates"][k], float), **_stroke(rule), zorder=3)
        ax.plot(
            *np.array([place, update], float), marker, color=color, markersize=6.5, markeredgecolor="white", zorder=5
        )
    ax.set(xlim=(places[0], places[-1]), ylim=(-reach, reach), ylabel="update")
    ax.set_xticks([place for place, _ in frames["ticks"]], [text for _, text in frames["ticks"]], fontsize=8)
    ax.set_yticks([-reach, 0, reach])
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    ax.grid(True, axis="x")
    ax.set_title(f"step {frames['steps'][k]}", pad=4, fontsize=9.5)


def _losses(ax: Axes, frames: dict[str, Any], marked: Sequence[int]) -> None:
    low, high = frames["range"]
    horizon, last = frames["horizon"], frames["last"]
    for line in frames["curves"]:
        x, mean, below, above = (np.array(line[part], float) for part in ("steps", "mean", "low", "high"))
        ax.fill_between(x, below.clip(low / 10), above, color=line["color"], alpha=0.15, linewidth=0)
        ax.plot(x, mean, **_stroke(line), label=line["name"])
        at = np.isin(x, marked)
        ax.plot(x[at], mean[at], line["marker"], color=line["color"], markersize=6, markeredgecolor="white", zorder=5)
        if line["diverged"]:
            _ending(ax, x, mean, line["color"], high)
    ax.set(yscale="log", xscale="log" if frames["log"] else "linear")
    ax.set(xlim=(1 if frames["log"] else 0, last), ylim=(low, high))
    ax.axvline(horizon, color=INK, linewidth=1.2, linestyle=(0, (4, 3)), zorder=2)
    if horizon < last:
        ax.axvspan(horizon, last, color="#F4F4F4", zorder=0, linewidth=0)
    ax.annotate(f"horizon: {horizon}", (horizon, 1), xycoords=("data", "axes fraction"), xytext=(0, 3),
                textcoords="offset points", ha="center", va="bottom", fontsize=8.5, color=INK)  # fmt: skip
    ax.set(xlabel="step" + (" (log)" if frames["log"] else ""), ylabel="mean loss (log)")
    ax.grid(True)
    log_axis(ax.yaxis)
    if frames["log"]:
        log_axis(ax.xaxis)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], nbins=6))


def _ending(ax: Axes, x: np.ndarray, mean: np.ndarray, color: str, high: float) -> None:
    """A cross, and the word for it, where the mean loss stops being a number."""
    finite = np.isfinite(mean)
    at = (x[finite][-1], min(mean[finite][-1], high / 1.3)) if finite.any() else (x[0], high / 1.3)
    ax.plot(*at, "X", color=color, markersize=8, markeredgecolor="white", zorder=6, clip_on=False)
    late = at[0] > x[-1] / 2
    ax.annotate(
        "diverged", at, xytext=(-7 if late else 7, 0), textcoords="offset points", ha="right" if late else "left",
        va="center", fontsize=8.5, color=INK, path_effects=[withStroke(linewidth=2.6, foreground="white")], zorder=6,
    )  # fmt: skip


def _told(frames: dict[str, Any], shown: Sequence[int]) -> str:
    told, zero = [], int(np.abs(frames["places"]).argmin())
    asked = ", ".join(brief(frames["gradients"][i]) for i in (0, zero, -1))
    for k in shown:
        answers = []
        for rule in frames["rules"]:
            _, gradient, update = rule["actual"][k]
            ends = ", ".join(_said(rule["updates"][k][i]) for i in (0, zero, -1))
            answers.append(f"{rule['name']} {ends}, and to the gradient that came, {_said(gradient)}, {_said(update)}")
        told.append(f"Step {frames['steps'][k]}, updates answering gradients of {asked}: {'; '.join(answers)}.")
    losses = "; ".join(_losses_said(line, frames["horizon"]) for line in frames["curves"])
    return (
        f"Left, the update of one weight against its gradient on a signed log axis, a line for each rule, over faint "
        f"dots for gradients and updates that came in training; each step has its own scale. {' '.join(told)} Right, "
        f"mean loss against step on a log axis, with a dashed line at the horizon of meta-training, "
        f"{frames['horizon']} steps: {losses or 'no curves'}."
    )


def _losses_said(line: dict[str, Any], horizon: int) -> str:
    at = dict(zip(line["steps"], line["mean"], strict=True))
    here = sorted({min(at), max(at), horizon} & set(at))
    said = f"{line['name']} " + ", ".join(f"{_said(at[step])} after {step}" for step in here)
    return said + (f" ({line['diverged']} of {line['problems']} trainings diverged)" if line["diverged"] else "")


def _said(value: float | None) -> str:
    return "not finite" if value is None else brief(value)

"""Lesson 09's picture: the longer a training, the more cliffs in its loss, and which gradients see them coming."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from ..studies.cliffs import Arrows, CliffCurves, astray
from .palette import INK, LEARNED, LOSS, QUIET, STAR, WEIGHT
from .picture import Picture, brief, house_style, new_figure

TOP = 20.0  # losses above it are cut in the picture
MEASURES = {"mean": "mean loss over the {} steps", "last": "loss after {} steps"}
_WHITE = [withStroke(linewidth=3, foreground="white")]


@house_style()
def cliffs(curves: CliffCurves, arrows: Arrows | None = None) -> Picture:
    """The loss against the rate for every length of `curves`; or for one length, with arrows beside it.

    arrows: of one rate, for one of the curves' lengths, with the same meta_loss and sigma.
    """
    if arrows is None:
        return _panels(curves)
    if (arrows.meta_loss, arrows.sigma) != (curves.meta_loss, curves.sigma) or arrows.length not in curves.lengths:
        raise ValueError(
            f"The arrows are of length={arrows.length}, meta_loss={arrows.meta_loss!r}, sigma={arrows.sigma}; the "
            f"curves have lengths={curves.lengths}, meta_loss={curves.meta_loss!r}, sigma={curves.sigma}."
        )
    fig = new_figure(7.8, 3.9)
    left, right = fig.subplots(1, 2, width_ratios=[1.45, 1])
    _draw_curve(left, curves, curves.lengths.index(arrows.length))
    left.set_title(measure(curves.meta_loss, arrows.length).capitalize(), fontsize=10)
    left.axvline(arrows.log_rate, color=STAR, linewidth=1, linestyle=(0, (2, 2)), zorder=1)
    for value, color in ((arrows.loss, INK), (arrows.smoothed, LOSS)):
        left.plot(arrows.log_rate, value, "o", color=color, markersize=6, markeredgecolor="white", zorder=6)
    left.plot(arrows.log_rate, left.get_ylim()[0], "*", color=STAR, markersize=16, markeredgecolor="white",
              zorder=7, clip_on=False)  # fmt: skip
    _draw_arrows(right, arrows)
    _key(fig, curves.sigma, Line2D([], [], color=STAR, marker="*", markersize=11, linestyle="", label="the rate"))
    return Picture(fig, f"{_told_curve(curves, arrows.length)} {_told_arrows(arrows)}")


def limit(arrows: Arrows) -> float:
    """How far the picture of the arrows reaches on both sides; what is 3 times the dashed line, ES and PES is cut."""
    ends = {name: abs(mean) + half for name, (mean, half) in arrows.estimates.items()}
    least = max(abs(arrows.smoothed_slope), ends["ES"], ends["PES"], 1e-3)
    return 1.12 * max(least, *(end for end in ends.values() if end < 3 * least))


def said(mean: float, half: float = 0.0) -> str:
    """A slope and its half-width as labels and alt text say them."""
    digits = 2 if abs(mean) < 100 else 0
    written = f"{mean:.{digits}f}" if abs(mean) < 1e5 else f"{mean:.1e}"
    return written.replace("-", "−") + (f" ± {half:.2f}" if half else "")


def heading(arrows: Arrows) -> str:
    """The rate and the truncation, as a title."""
    return f"Gradients at α = {10**arrows.log_rate:.2g}, K = {arrows.truncation}"


def arrow_look(name: str) -> tuple[str, bool]:
    """The color of an estimate's arrow, and whether it is dashed."""
    return LEARNED if "ES" in name else WEIGHT, "truncated" in name


def arrow_end(mean: float, reach: float) -> float:
    """Where an estimate's arrow ends, on a picture that reaches so far on both sides; nan is at 0."""
    return float(np.clip(np.nan_to_num(mean), -reach, reach))


def arrow_label(name: str, mean: float, half: float, reach: float) -> str:
    """What is written at an estimate's arrow."""
    return f"{name}  {said(mean, half)}{'' if abs(mean) <= reach else ', cut'}"


def measure(meta_loss: str, length: int) -> str:
    """What is measured of a training of `length` steps, in words."""
    return "loss after 1 step" if length == 1 else MEASURES[meta_loss].format(length)


def _panels(curves: CliffCurves) -> Picture:
    """A panel for each length, in rows of two."""
    rows = -(-len(curves.lengths) // 2)
    fig = new_figure(7.4, 0.7 + 2.2 * rows)
    axes = fig.subplots(rows, 2 if len(curves.lengths) > 1 else 1, sharex=True, sharey=True, squeeze=False)
    for row, line in enumerate(axes):
        for column, ax in enumerate(line):
            i = row * len(line) + column
            if i >= len(curves.lengths):
                ax.set_axis_off()
                continue
            _draw_curve(ax, curves, i, xlabel=row == rows - 1, ylabel=column == 0)
            ax.set_title(f"T = {curves.lengths[i]} step{'s'[: curves.lengths[i] != 1]}", pad=4)
    _key(fig, curves.sigma)
    return Picture(fig, " ".join(_told_curve(curves, length) for length in curves.lengths))


def _draw_curve(ax: Axes, curves: CliffCurves, i: int, xlabel: bool = True, ylabel: bool = True) -> None:
    top = min(TOP, 1.08 * max(float(curves.losses.max()), float(curves.smoothed.max())))
    ax.plot(curves.log_rates, curves.losses[i].clamp(max=2 * top), color=INK, linewidth=0.7, zorder=3)
    ax.plot(curves.log_rates, curves.smoothed[i], color=LOSS, linewidth=2.6, alpha=0.85, zorder=2)
    low, high = float(curves.log_rates.min()), float(curves.log_rates.max())
    ax.set(xlim=(low, high), ylim=(-0.02 * top, top))
    decades = range(int(np.ceil(low)), int(np.floor(high)) + 1)
    ax.set_xticks(list(decades), [f"{10.0**decade:g}" for decade in decades])
    ax.grid(True, axis="y")
    if xlabel:
        ax.set_xlabel("rate α (log scale)")
    if ylabel:
        ax.set_ylabel("mean loss" if curves.meta_loss == "mean" else "final loss")


def _draw_arrows(ax: Axes, arrows: Arrows) -> None:
    reach = limit(arrows)
    ax.axvline(0, color=QUIET, linewidth=1, zorder=1)
    ax.axvline(arrows.smoothed_slope, color=LOSS, linewidth=1.6, linestyle=(0, (4, 2)), zorder=1)
    for row, (name, (mean, half)) in enumerate(arrows.estimates.items()):
        color, truncated = arrow_look(name)
        end = arrow_end(mean, reach)
        head = f"-|>,head_width={min(0.28, 3 * abs(end) / reach + 0.05):.3f},head_length=0.45"
        look = {"color": color, "linewidth": 2.2, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 13}
        dash = (0, (2, 1)) if truncated else "-"
        if abs(end) < 0.08 * reach:  # no room for an arrow's head
            ax.plot(end, row, "o", color=color, markersize=6, zorder=4)
        else:
            ax.annotate("", (end, row), (0, row), arrowprops={"arrowstyle": head, "linestyle": dash, **look}, zorder=4)
        if half:
            ax.errorbar(mean, row, xerr=half, fmt="none", ecolor=INK, elinewidth=1.3, capsize=4, zorder=5)
        ax.annotate(
            arrow_label(name, mean, half, reach), (0.01, row), xytext=(0, 12),
            xycoords=("axes fraction", "data"), textcoords="offset points", va="center", fontsize=9, color=INK,
            path_effects=_WHITE, zorder=6,
        )  # fmt: skip
    ax.set(xlim=(-reach, reach), ylim=(len(arrows.estimates) - 0.6, -0.85), yticks=[])
    ax.set_xlabel("slope per tenfold rate\n◂ says: raise the rate     says: lower it ▸")
    ax.set_title(heading(arrows), fontsize=10)
    ax.spines["left"].set_visible(False)


def _key(fig: Figure, sigma: float, *more: Line2D) -> None:
    lines = [
        Line2D([], [], color=INK, linewidth=0.9, label="as it is"),
        Line2D([], [], color=LOSS, linewidth=2.6, alpha=0.85, label=f"smoothed, σ = {sigma:g}"),
    ]
    if more:
        lines.append(Line2D([], [], color=LOSS, linewidth=1.6, linestyle=(0, (4, 2)), label="slope of the smoothed"))
        lines.append(Line2D([], [], color=INK, marker="|", linewidth=1.3, label="95% interval"))
    fig.legend(handles=[*lines, *more], loc="outside lower center", ncols=5, handlelength=2.2, columnspacing=1.5)


def _told_curve(curves: CliffCurves, length: int) -> str:
    i = curves.lengths.index(length)
    smooth, rates = curves.smoothed[i], 10**curves.log_rates
    jump = curves.losses[i].diff().abs().max().item()
    ends = [brief(value.item()) for value in (rates[0], rates[-1], smooth[0], smooth[-1])]
    return (
        f"The {measure(curves.meta_loss, length)} against the rate, from {ends[0]} to {ends[1]} (log scale): between "
        f"two neighbors of {len(rates)} rates it changes by at most {brief(jump)}. Smoothed with sigma "
        f"{curves.sigma:g} it goes from {ends[2]} to {ends[3]} and is lowest, {brief(round(smooth.min().item(), 3))}, "
        f"at a rate of {brief(rates[smooth.argmin()].item())}."
    )


def _told_arrows(arrows: Arrows) -> str:
    told = "; ".join(f"{name} {said(mean, half)}" for name, (mean, half) in arrows.estimates.items())
    wrong = ", ".join(astray(arrows)) or "none"
    return (
        f"At the rate {10**arrows.log_rate:.3g} it is {brief(arrows.loss)}, smoothed {brief(arrows.smoothed)}. "
        f"Arrows show its slope per tenfold rate, with 95% intervals over {arrows.particles} pairs; what is truncated "
        f"has segments of K = {arrows.truncation} steps: {told}. A dashed line marks the slope of the smoothed curve, "
        f"{said(arrows.smoothed_slope)}. Pointing the other way: {wrong}."
    )

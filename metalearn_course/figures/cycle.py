"""The training picture: the model predicts, the loss measures, the optimizer updates; one turn for each batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from ..studies.trainings import training_frames
from ..update_rules import Trace
from .palette import INK, LOSS, NOT_FINITE, QUIET, STAR, STAR_EDGE, WEIGHT
from .picture import BY_VALUE, WIDTH, Picture, blank_axes, brief, house_style, log_axis, new_figure


@house_style()
def training_cycle(trace: Trace, step: int, rate: float, names: Sequence[str] | None = None) -> Picture:
    """One step of a live run: weights as squares, the rate as a star, and where the loss stands by then.

    step: 0 is the first. names: the parameters whose values color the squares; all of them by default.
    """
    frames = training_frames(trace, names=names)
    total = len(frames["loss"])
    if not 0 <= step < total:
        raise ValueError(f"step={step} is not in the trace; it has steps 0 to {total - 1}.")
    fig = new_figure(WIDTH, 3.0)
    grid = fig.add_gridspec(1, 2, width_ratios=[1.2, 1])
    ax = blank_axes(fig, 10, 7.6, grid[0])
    value = frames["loss"][step]
    shown = "not finite" if value is None else brief(value)
    _draw_cycle(ax, frames["weights"][step], frames["scale"], shown, rate, f"batch {step + 1}")
    losses = np.array([np.nan if v is None else v for v in frames["loss"]])
    _draw_losses(fig.add_subplot(grid[1]), losses, step)
    ending = "it diverges" if frames["diverged"] else f"at the last step {brief(losses[-1])}"
    return Picture(
        fig,
        f"The training cycle at step {step} of {total - 1}. A batch enters the model M, drawn as "
        f"{len(frames['weights'][step])} of its {frames['weight_count']} weights, squares colored by value. M "
        f"predicts; the loss L measures {shown}; the optimizer O, with one star, the rate {rate:g}, updates M. Beside "
        f"it the loss against the step, log scale: at first {brief(losses[0])}, at this step {shown}, {ending}.",
    )


def _draw_cycle(ax: Axes, weights: list[float | None], scale: float, loss: str, rate: float, batch: str) -> None:
    def box(x: float, y: float, width: float, height: float, letter: str, word: str, color: str) -> None:
        shape = FancyBboxPatch((x, y), width, height, "round,pad=0,rounding_size=0.3", fc="white", ec=color, lw=1.4)
        ax.add_patch(shape)
        ax.text(x + 0.2, y - 0.2, letter, weight="bold", fontsize=11, color=color, va="bottom")
        ax.text(x + {"M": 0.95, "L": 0.65, "O": 0.8}[letter], y - 0.2, word, fontsize=8.5, color=QUIET, va="bottom")

    def arrow(start: tuple[float, float], end: tuple[float, float], bend: float = 0.0) -> None:
        head, path = "-|>,head_length=5,head_width=2.6", f"arc3,rad={bend}"
        look: dict[str, Any] = {"color": "#555555", "linewidth": 1.3, "shrinkA": 0, "shrinkB": 0}
        ax.add_patch(FancyArrowPatch(start, end, arrowstyle=head, connectionstyle=path, **look))

    box(2.1, 0.9, 2.9, 2.9, "M", "model", WEIGHT)
    for i, w in enumerate(weights):
        x, y = 2.37 + 0.6 * (i % 4), 1.17 + 0.6 * (i // 4)
        color = NOT_FINITE if w is None else BY_VALUE(0.5 + 0.5 * max(-1.0, min(1.0, w / scale)))
        ax.add_patch(Rectangle((x, y), 0.5, 0.5, facecolor=color, edgecolor=WEIGHT, linewidth=0.9))
    box(7.2, 1.35, 2.5, 2.0, "L", "loss", LOSS)
    ax.text(8.45, 2.35, loss, ha="center", va="center", fontsize=12 if len(loss) < 7 else 9, color=LOSS)
    box(4.4, 5.5, 3.4, 1.9, "O", "optimizer", STAR_EDGE)
    ax.plot([5.3], [6.45], marker="*", markersize=22, color=STAR, markeredgecolor=STAR_EDGE, markeredgewidth=0.8)
    ax.text(6.0, 6.45, f"rate\n{rate:g}", va="center", fontsize=9, color=INK, linespacing=1.25)
    for k in (0.3, 0.15, 0.0):
        sheet = Rectangle((0.1 + k, 1.85 - k), 0.75, 1.0, facecolor="white", edgecolor=QUIET, linewidth=1.0)
        ax.add_patch(sheet)
    ax.text(0.6, 3.15, batch, ha="center", va="top", fontsize=8, color=QUIET)
    arrow((1.3, 2.35), (2.05, 2.35))
    arrow((5.05, 2.35), (7.15, 2.35))
    arrow((8.45, 3.4), (7.85, 6.45), -0.35)
    arrow((4.35, 6.45), (3.55, 3.85), -0.35)
    ax.text(6.1, 2.1, "predict", ha="center", va="bottom", fontsize=9)
    ax.text(9.0, 5.35, "measure", ha="left", va="center", fontsize=9)
    ax.text(3.35, 5.35, "update", ha="right", va="center", fontsize=9)


def _draw_losses(ax: Axes, losses: np.ndarray, step: int) -> None:
    steps = np.arange(len(losses))
    finite = losses[np.isfinite(losses) & (losses > 0)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.1, 1.0)
    high = min(high, 1e3 * losses[0]) if losses[0] > 0 else high
    ax.plot(steps, losses, color=LOSS, linewidth=1.6)
    ax.axvline(step, color=QUIET, linewidth=0.9, linestyle=(0, (2, 3)))
    if np.isfinite(losses[step]):
        ax.plot([step], [losses[step]], "o", color=LOSS, markersize=7, markeredgecolor="white")
    ax.set(yscale="log", ylim=(low / 1.5, high * 1.5), xlim=(-0.5, len(losses) - 0.5), xlabel="step")
    log_axis(ax.yaxis)
    if len(finite) < len(losses) or finite.max() > 1.5 * high:
        ax.text(0.97, 0.95, "off the chart", transform=ax.transAxes, ha="right", va="top", fontsize=8.5, color=QUIET)
    ax.set_title("loss L", fontsize=9, weight="normal", pad=6)
    ax.grid(True)

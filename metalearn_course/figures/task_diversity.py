"""Few tasks or many: errors on new tasks, and what is answered for one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from .palette import FAINT, INK, LEARNED, LOSS, QUIET, WEIGHT
from .picture import WIDTH, Picture, brief, house_style, log_axis, new_figure

LOOKS: dict[str, tuple[str, Any, str]] = {
    "transformer": (LEARNED, "-", "o"),
    "by heart": (LOSS, (0, (3, 1.5)), "s"),
    "ridge regression": (WEIGHT, (0, (1, 1.2)), "^"),
}


@house_style()
def diversity(frames: Mapping[str, Any], at: int = 0) -> Picture:
    """What `diversity_frames` computed: errors against the number of training tasks; beside it, answers for a new task.

    Args:
        frames: the numbers.
        at: which number of training tasks the answers are shown for, counted from 0.
    """
    counts = [words(each) for each in frames["different"]]
    if not 0 <= at < len(counts):
        raise ValueError(f"at={at}; expected 0 to {len(counts) - 1}, one for each number of training tasks.")
    fig = new_figure(WIDTH + 0.8, 3.4)
    left, right = fig.subplots(1, 2, width_ratios=[1.15, 1])
    _errors(left, frames, counts, at)
    _answers(right, frames, at)
    handles, labels = left.get_legend_handles_labels()
    handles += [right.lines[0]]
    fig.legend(handles, [*labels, "truth"], loc="outside upper left", ncols=4, handlelength=2.8, fontsize=9)
    errors = frames["errors"]
    told = [
        f"{count}: " + ", ".join(f"{name} {brief(errors[name][i][0])}" for name in LOOKS if errors[name][i])
        for i, count in enumerate(counts)
    ]
    return Picture(
        fig,
        f"Left, mean squared error on new tasks against the number of different training tasks. {'; '.join(told)}. "
        f"Right, what is answered along a line through the input space for one new task, after training on "
        f"{counts[at]}: {said_of(frames, at)}",
    )


def words(different: int | None) -> str:
    """A number of training tasks."""
    return "endless" if different is None else f"{different:,}"


def said_of(frames: Mapping[str, Any], at: int) -> str:
    """How far from the truth the answers are, at the end of the line."""
    truth, answers = frames["truth"][-1], {"transformer": frames["answers"]["transformer"][at]}
    answers |= {"by heart": frames["answers"]["by heart"][at], "ridge regression": frames["ridge"]}
    ends = [f"{name} {brief(line[-1])}" for name, line in answers.items() if line]
    return f"at the right end the truth is {brief(truth)}, {', '.join(ends)}."


def _errors(ax: Axes, frames: Mapping[str, Any], counts: list[str], at: int) -> None:
    ax.axvline(at, color=FAINT, linewidth=9, zorder=0)
    for name, (color, dash, marker) in LOOKS.items():
        places = [i for i, error in enumerate(frames["errors"][name]) if error]
        means, halves = np.array([frames["errors"][name][i] for i in places]).T
        ax.fill_between(places, means - halves, means + halves, color=color, alpha=0.15, linewidth=0)
        ax.plot(places, means, color=color, linestyle=dash, marker=marker, markersize=5, linewidth=2, label=name)
    ax.set(yscale="log", xlabel="different tasks in training", ylabel="mean squared error on new tasks")
    ax.set_xticks(range(len(counts)), counts, fontsize=8.5)
    ax.grid(True, axis="y")
    log_axis(ax.yaxis)


def _answers(ax: Axes, frames: Mapping[str, Any], at: int) -> None:
    ax.plot(frames["along"], frames["truth"], color=INK, linestyle=(0, (4, 3)), linewidth=1.2)
    lines = {"by heart": frames["answers"]["by heart"][at], "ridge regression": frames["ridge"]}
    lines |= {"transformer": frames["answers"]["transformer"][at]}
    for name, line in lines.items():
        if line:
            color, dash, _ = LOOKS[name]
            ax.plot(frames["along"], np.array(line, float), color=color, linestyle=dash, linewidth=2)
    reach = 1.15 * max(map(abs, frames["truth"]))
    ax.set(xlabel="place on a line through the inputs", ylabel="answer for one new task", ylim=(-reach, reach))
    ax.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    ax.set_title(f"trained on {words(frames['different'][at])}", fontsize=9.5, color=QUIET)

"""Lesson 04's picture: classes that were never trained on fall apart into clusters."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..studies.clusters import reach
from .palette import INK, LABEL_MARKERS, LABELS, QUIET
from .picture import Picture, house_style, new_figure

_SHOWN = 4


@house_style()
def clusters(frames: list[dict[str, Any]]) -> Picture:
    """Up to four of the frames side by side, on the same axes: the first, the last, and some between."""
    chosen = [frames[i] for i in sorted({round(i) for i in np.linspace(0, len(frames) - 1, _SHOWN)})]
    fig = new_figure(7.4, 2.45)
    half, told = reach(frames), []
    for i, frame in enumerate(chosen):
        ax = fig.add_subplot(1, len(chosen), i + 1)
        _draw(ax, frame, half)
        ax.set_title(f"step {frame['step']}", pad=14)
        ax.text(0, 1.03, f"{frame['accuracy']:.0%} right", transform=ax.transAxes, fontsize=8.5, color=QUIET)
        told.append(
            f"after {frame['step']} steps {frame['accuracy']:.0%} of the queries are right, {sum(frame['wrong'])} wrong"
        )
    ways = len(frames[0]["prototypes"])
    return Picture(
        fig,
        f"Embeddings of {ways} classes never trained on, on the plane of their prototypes, with the straight borders "
        f"of what the method answers there: {'; '.join(told)}. Filled marks are the support set, hollow ones queries, "
        f"crosses prototypes; rings are around wrong queries.",
    )


def _draw(ax: Axes, frame: dict[str, Any], half: float) -> None:
    for x, y in frame["edges"]:
        ax.plot(x, y, color="#B0B0B0", linewidth=1, zorder=1)
    for kind, filled in (("query", False), ("support", True)):
        for label in range(len(frame["prototypes"])):
            of_class = [p for p, y in zip(frame[kind], frame[f"{kind}_y"], strict=True) if y == label]
            x, y = np.array(of_class).T
            color = LABELS[label % len(LABELS)]
            ax.scatter(
                x, y, s=20 if filled else 13, marker=LABEL_MARKERS[label % len(LABEL_MARKERS)],
                facecolors=color if filled else "none", edgecolors=color, linewidths=0.9, zorder=3,
            )  # fmt: skip
    wrong = np.array([p for p, bad in zip(frame["query"], frame["wrong"], strict=True) if bad]).reshape(-1, 2)
    ax.scatter(wrong[:, 0], wrong[:, 1], s=60, facecolors="none", edgecolors=INK, linewidths=0.9, zorder=4)
    prototypes = np.array(frame["prototypes"])
    ax.scatter(prototypes[:, 0], prototypes[:, 1], s=42, marker="x", color=INK, linewidths=1.6, zorder=5)
    ax.set(xlim=(-half, half), ylim=(-half, half), aspect="equal")
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(True)
        spine.set_color("#CCCCCC")

"""Lesson 05's picture: what a memory writes and reads, slot by slot, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from .palette import INK, QUIET, READ, RED, WRITE, label_colors
from .picture import Picture, house_style, new_figure


@house_style()
def memory(frames: dict[str, Any], images: Any = None) -> Picture:
    """Slots downward, time to the right; orange squares are writes, blue dots are reads, the larger the stronger.

    images: (T, 28, 28) or (T, 1, 28, 28), shown along the top; below them labels, and whether the answer was right.
    """
    reads, writes = np.array(frames["reads"]), np.array(frames["writes"])
    steps, slots = reads.shape
    fig = new_figure(7.2, 1.6 + 0.2 * slots)
    ax = fig.add_subplot()
    for t in range(steps):
        ax.scatter([t - 0.18] * slots, range(slots), s=70 * writes[t], marker="s", color=WRITE, linewidths=0)
        ax.scatter([t + 0.18] * slots, range(slots), s=70 * reads[t], marker="o", color=READ, linewidths=0)
    for t, label in enumerate(frames["labels"]):
        color, ink = label_colors(label)
        ax.text(t, -1.2, str(label), ha="center", va="center", fontsize=9, color=ink,
                bbox={"boxstyle": "circle,pad=0.25", "facecolor": color, "edgecolor": "none"})  # fmt: skip
        ax.text(t, -2.35, "✓" if frames["right"][t] else "✗", ha="center", va="center", fontsize=10,
                color=INK if frames["right"][t] else RED)  # fmt: skip
        if images is not None:
            image = np.asarray(images[t]).reshape(28, 28)
            ax.imshow(1 - image, cmap="gray", vmin=0, vmax=1, extent=(t - 0.45, t + 0.45, -3.0, -5.2), aspect="auto")
    top = -5.4 if images is not None else -2.9
    ax.set(xlim=(-0.6, steps - 0.4), ylim=(slots - 0.4, top), xlabel="step", aspect="auto")
    ax.set_xticks(range(steps))
    ax.set_yticks(range(0, slots, 2 if slots <= 20 else 8))
    ax.text(-1.1, (slots - 1) / 2, "slot", rotation=90, va="center", ha="right", fontsize=9, color=INK)
    for place, words in ((-1.2, "label"), (-2.35, "answer")):
        ax.text(-0.75, place, words, ha="right", va="center", fontsize=8, color=QUIET)
    ax.spines["left"].set_visible(False)
    handles = [
        ax.scatter([], [], s=50, marker="s", color=WRITE, label="writes"),
        ax.scatter([], [], s=50, marker="o", color=READ, label="reads"),
    ]
    ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    told = [
        f"step {t}, label {label}: {'right' if ok else 'wrong'}, reads slot {slot}, writes slot {int(w.argmax())}"
        for t, (label, ok, slot, w) in enumerate(
            zip(frames["labels"], frames["right"], frames["slot"], writes, strict=True)
        )
    ]
    return Picture(fig, f"A memory of {slots} slots over {steps} steps. {'; '.join(told)}.")

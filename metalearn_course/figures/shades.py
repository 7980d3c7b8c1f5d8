"""A small matrix as a picture: how similar, how much attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb

from .palette import INK, WEIGHT
from .picture import Picture, house_style, new_figure

_WRITTEN = 0.005


@house_style()
def matrix(values: Any, rows: Sequence[object], columns: Sequence[object], title: str = "") -> Picture:
    """Numbers from 0 to 1 as squares, the darker the larger, each with its value; both sides named.

    values: (rows, columns).
    """
    array = np.asarray(values, dtype=float)
    if array.shape != (len(rows), len(columns)):
        raise ValueError(f"values have shape {array.shape}; the names say {(len(rows), len(columns))}.")
    fig = new_figure(1.6 + 0.5 * len(columns), 0.8 + 0.34 * len(rows))
    ax = fig.add_subplot()
    white_to_blue = np.array([[1, 1, 1]]) + array[..., None].clip(0, 1) * (np.array(to_rgb(WEIGHT)) - 1)
    ax.imshow(white_to_blue, aspect="auto")
    for (i, j), value in np.ndenumerate(array):
        if abs(value) >= _WRITTEN:
            color = "white" if value > 0.55 else INK
            ax.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=8.5, color=color)
    ax.set_xticks(range(len(columns)), [str(c) for c in columns], color=INK)
    ax.set_yticks(range(len(rows)), [str(r) for r in rows], color=INK)
    ax.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    ax.grid(True, which="minor")
    ax.tick_params(length=0, which="both")
    ax.xaxis.tick_top()
    ax.spines[:].set_visible(False)
    if title:
        ax.set_title(title)
    told = [
        f"{name}: " + ", ".join(f"{v:.2f} at {c}" for c, v in zip(columns, line, strict=True) if abs(v) >= _WRITTEN)
        for name, line in zip(rows, array, strict=True)
    ]
    return Picture(fig, f"{title + '. ' if title else ''}Table of shaded squares. {'; '.join(told)}.")

"""What each color means, from the first lesson to the last (Okabe and Ito, 2008: told apart by color-blind eyes too).

A color never speaks alone: every line also has its own dash, every point set its own marker.
"""

from __future__ import annotations

from typing import NamedTuple

WEIGHT = "#0072B2"  # squares: the learner's weights
STAR = "#CC79A7"  # stars: the optimizer's parameters
LOSS = "#D55E00"
SUPPORT = "#0072B2"
QUERY = "#E69F00"
POOLED = "#D55E00"
LEARNED = "#009E73"
INK = "#222222"
QUIET = "#767676"
FAINT = "#D9D9D9"
RED = "#C8102E"  # what formula 3 adds to formula 2
LIT = "#FFF1C2"

LABELS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D00", "#555555")


class Stroke(NamedTuple):
    """How a line is drawn: the color, the dash, and the marker where it needs one."""

    color: str
    dash: str | tuple[int, tuple[int, ...]]
    marker: str


_MEANT = {
    "truth": Stroke(INK, (0, (4, 3)), ""),
    "pooled": Stroke(POOLED, "-", "s"),
    "fine": Stroke(POOLED, "-", "s"),
    "learned": Stroke(LEARNED, (0, (7, 2)), "o"),
    "maml": Stroke(LEARNED, (0, (7, 2)), "o"),
}
_OTHERS = (
    Stroke("#0072B2", "-", "o"),
    Stroke("#D55E00", (0, (3, 1, 1, 1)), "s"),
    Stroke("#009E73", (0, (6, 2)), "^"),
    Stroke("#CC79A7", (0, (1, 1)), "D"),
    Stroke("#E69F00", (0, (8, 2, 1, 2)), "v"),
    Stroke("#56B4E9", (0, (4, 1)), "P"),
    Stroke("#222222", "-", "X"),
)


def strokes(labels: list[str], avoid: str = "") -> list[Stroke]:
    """A stroke for each label: the one its word stands for ("pooled", "learned", "truth"), or the next free one.

    avoid: a color that already means something in this picture.
    """
    chosen: dict[str, Stroke] = {}
    for label in labels:
        meant = next((s for word, s in _MEANT.items() if word in label.lower()), None)
        if meant and meant not in chosen.values():
            chosen[label] = meant
    taken = {avoid, *(stroke.color for stroke in chosen.values())}
    free = [stroke for stroke in _OTHERS if stroke.color not in taken] + list(_OTHERS)
    rest = [label for label in labels if label not in chosen]
    chosen |= {label: free[i % len(free)] for i, label in enumerate(rest)}
    return [chosen[label] for label in labels]


def label_colors(label: int) -> tuple[str, str]:
    """A label's color, and a color to write on it."""
    color = LABELS[label % len(LABELS)]
    return color, INK if color in ("#E69F00", "#CC79A7", "#56B4E9") else "white"

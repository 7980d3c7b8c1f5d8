"""What each color means, from the first lesson to the last (Okabe and Ito, 2008: told apart by color-blind eyes too).

A color never speaks alone: every line also has its own dash, every point set its own marker.
A color that means something is written here and nowhere else: the widgets' style sheet and scripts get theirs from
here (`THEMED`, `ON_WHITE`, `sent`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

WEIGHT = "#0072B2"  # squares: the learner's weights
STAR = "#CC79A7"  # stars: the optimizer's parameters
STAR_EDGE = "#A84F82"  # a line around a star, and letters and lines of its color, for which STAR is too light
LOSS = "#D55E00"
SUPPORT = "#0072B2"
QUERY = "#E69F00"
QUERY_TEXT = "#9A6700"  # letters and lines of its color, for which QUERY is too light
POOLED = "#D55E00"
LEARNED = "#009E73"
INK = "#222222"
QUIET = "#767676"
FAINT = "#D9D9D9"
RED = "#C8102E"  # what formula 3 adds to formula 2
LIT = "#FFF1C2"
READ, WRITE = WEIGHT, "#D9820A"  # of a memory
CONTOUR = "#44586B"
BY_VALUE = ("#0072B2", "#FFFFFF", "#E08A00")  # a weight below zero, at zero, above it
NOT_FINITE = "#333333"  # a weight that is no number anymore

LABELS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D00", "#555555")
LABEL_MARKERS = "osD^v"  # matplotlib's names
_DARK_ON_IT = ("#E69F00", "#CC79A7", "#56B4E9")  # labels too light for white letters
TASKS = ("#E69F00", "#CC79A7", "#222222", "#8C6D00", "#56B4E9")  # on the maps, beside POOLED and LEARNED
TASK_MARKERS = "D^vPX"

# What a widget's style sheet calls --ml-NAME: on light paper, and on a dark theme's.
THEMED = {
    "weight": (WEIGHT, "#56A8DC"),
    "star": (STAR, STAR),
    "star-edge": (STAR_EDGE, "#E3A5C8"),
    "loss": (LOSS, "#F08A3C"),
    "pooled": (POOLED, "#F08A3C"),
    "learned": (LEARNED, "#2FC49A"),
    "query": (QUERY_TEXT, "#E8B44C"),
    "write": (WRITE, WRITE),
    "red": (RED, "#FF7B86"),
    "lit": (LIT, "#4A3F17"),
}
# --ml-on-white-NAME: on what is white in every theme, such as a map.
ON_WHITE = {"ink": INK, "quiet": QUIET, "weight": WEIGHT, "pooled": POOLED, "learned": LEARNED, "contour": CONTOUR}
_NAME_ON_SCREEN = {WEIGHT: "weight", LOSS: "loss", LEARNED: "learned", STAR: "star-edge", QUERY: "query", INK: "ink"}


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
    return color, INK if color in _DARK_ON_IT else "white"


def sent() -> dict[str, Any]:
    """What the browser colors labels with: `labels`, [color, color to write on it] each, and their `markers`."""
    return {"labels": [list(label_colors(label)) for label in range(len(LABELS))], "markers": LABEL_MARKERS}


def on_screen(color: str) -> str:
    """A line's color for a widget, in CSS: the shade that its theme shows well, or the color itself."""
    return f"var(--ml-{_NAME_ON_SCREEN[color]})" if color in _NAME_ON_SCREEN else color

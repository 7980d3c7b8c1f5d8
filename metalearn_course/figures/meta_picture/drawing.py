"""The shapes of `meta_scene`, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch, PathPatch, Polygon, Rectangle
from matplotlib.path import Path
from matplotlib.patheffects import withStroke

from ..palette import FAINT, INK, LIT, LOSS, QUERY, QUIET, RED, STAR, STAR_EDGE, WEIGHT
from .pieces import State, state_of

COLORS = {
    "ink": INK, "quiet": QUIET, "faint": FAINT, "weight": WEIGHT, "star": STAR, "star-edge": STAR_EDGE, "loss": LOSS,
    "query": QUERY, "red": RED, "paper": "white",
}  # fmt: skip
GROUND = "#F6F6F6"
_GHOST, _DIM = 0.32, 0.38
_CODES = {"M": [Path.MOVETO], "L": [Path.LINETO], "Q": [Path.CURVE3, Path.CURVE3]}


def scene_axes(fig: Figure, part: tuple[float, float, float, float], width: float, height: float) -> Axes:
    """Axes without an axis in the units of a scene, y downward; part: of the figure."""
    ax = fig.add_axes(part)
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.axis("off")
    return ax


def draw_scene(
    ax: Axes, scene: dict[str, Any], moment: int, words: set[str], point: float, arriving: bool = False
) -> None:
    """Each shape as it is at this moment. point: how many points of type a unit of the scene is.

    "strip" among the words: texts have their `small` size, and those without one are left out.
    """
    for element in scene["elements"]:
        state = state_of(element, moment, words, arriving)
        if "strip" in words and element["kind"] == "text":
            element = element | {"size": element.get("small", 0)}
        if state.shown and element.get("size", 1):
            _SHAPES[element["kind"]](ax, element, state, point)


def tokens(scene: dict[str, Any], moment: int, words: set[str], share: float, point: float) -> list[Patch]:
    """What travels along the lit arrows, after this share of its way."""
    found = []
    for element in scene["elements"]:
        if "token" in element and state_of(element, moment, words).now:
            x, y = _along(np.array([step[-2:] for step in element["path"]]), share)
            found.append(_token(element["token"], float(x), float(y), point))
    return found


def _token(kind: str, x: float, y: float, point: float) -> Patch:
    if kind == "star":
        return Polygon(_star_corners(x, y, 11), facecolor=STAR, edgecolor=COLORS["star-edge"], linewidth=1.5 * point)
    side = {"weight": 17, "gradient": 17, "sheet": 13}[kind]
    fill, edge = {"weight": (WEIGHT, "white"), "gradient": (LOSS, "white"), "sheet": ("white", INK)}[kind]
    return Rectangle((x - side / 2, y - side / 2), side, side, facecolor=fill, edgecolor=edge, linewidth=1.5 * point)


def _along(corners: np.ndarray, share: float) -> np.ndarray:
    lengths = np.abs(np.diff(corners, axis=0)).max(1)
    far = np.concatenate([[0], lengths.cumsum()])
    return np.array([np.interp(share * far[-1], far, axis) for axis in corners.T])


def _look(s: State, color: str, line: float) -> dict[str, Any]:
    """A line's color and strength: faint before it is reached or beside the way, gray behind the cut."""
    return {"edgecolor": QUIET if s.cut else COLORS[color], "alpha": _strength(s), "linewidth": line}


def _strength(s: State) -> float:
    return _GHOST if not s.reached else _DIM if s.dim else 1.0


def _box(ax: Axes, e: dict[str, Any], s: State, point: float) -> None:
    corners = FancyBboxPatch((e["x"], e["y"]), e["width"], e["height"], "round,pad=0,rounding_size=7")
    line = 2.6 if s.now else 2.2 if e.get("heavy") else 1.4
    ax.add_patch(PathPatch(corners.get_path(), facecolor=LIT if s.now else "white", linewidth=0))
    ax.add_patch(PathPatch(corners.get_path(), fill=False, **_look(s, e["color"], line * point)))


def _frame(ax: Axes, e: dict[str, Any], s: State, point: float) -> None:
    corners = FancyBboxPatch((e["x"], e["y"]), e["width"], e["height"], "round,pad=0,rounding_size=10")
    look = _look(s, "quiet" if s.now else "faint", (1.6 if s.now else 1.0) * point)
    ax.add_patch(PathPatch(corners.get_path(), facecolor="white", **look))


def _ground(ax: Axes, e: dict[str, Any], s: State, point: float) -> None:
    corners = FancyBboxPatch((e["x"], e["y"]), e["width"], e["height"], "round,pad=0,rounding_size=10")
    ax.add_patch(PathPatch(corners.get_path(), facecolor=GROUND, linewidth=0))


def _text(ax: Axes, e: dict[str, Any], s: State, point: float) -> None:
    side = {"start": "left", "end": "right"}.get(e.get("anchor", ""), "center")
    look: dict[str, Any] = {"weight": "bold"} if e.get("bold") else {}
    if e.get("halo"):
        look["path_effects"] = [withStroke(linewidth=4 * point, foreground=GROUND)]
    text, alpha, color = e["text"], _strength(s), COLORS[e["color"]]
    if s.cut:
        text, alpha, color = (e["none"], 1.0, QUIET) if "none" in e else (text, alpha, QUIET)
    place = e["x"], e["y"] + 0.36 * e["size"]
    ax.text(*place, text, ha=side, va="baseline", fontsize=e["size"] * point, color=color, alpha=alpha, **look)


def _square(ax: Axes, e: dict[str, Any], s: State, point: float) -> None:
    fill = e.get("fill") or tuple(1 - e["heat"] * (1 - int(LOSS[i : i + 2], 16) / 255) for i in (1, 3, 5))
    look = _look(s, e["color"], (2.2 if s.now else 1.3) * point)
    ax.add_patch(Rectangle((e["x"], e["y"]), e["size"], e["size"], facecolor="white" if s.cut else fill, **look))


def _star(ax: Axes, e: dict[str, Any], s: State, point: float) -> None:
    look = _look(s, e["color"], (2.0 if s.now else 1.2) * point)
    corners = _star_corners(e["x"], e["y"], e["size"])
    ax.add_patch(Polygon(corners, facecolor=COLORS[e["fill"]], joinstyle="round", **look))


def _star_corners(x: float, y: float, size: float) -> np.ndarray:
    turns = np.arange(10) * np.pi / 5
    radii = np.where(np.arange(10) % 2, 0.42, 1) * size
    return np.stack([x + radii * np.sin(turns), y - radii * np.cos(turns)], 1)


def _arrow(ax: Axes, e: dict[str, Any], s: State, point: float) -> None:
    points = [pair for step in e["path"] for pair in zip(step[1::2], step[2::2], strict=True)]
    path = Path(points, [code for step in e["path"] for code in _CODES[step[0]]])
    look = _look(s, e["color"], (3.2 if s.now else 1.5) * point)
    if e["kind"] == "line":
        ax.add_patch(PathPatch(path, fill=False, **look))
        return
    head = f"-|>,head_length={5.5 if s.now else 4.2},head_width={3 if s.now else 2.3}"
    look |= {"facecolor": look["edgecolor"], "arrowstyle": head, "mutation_scale": 1.35 * point}
    ax.add_patch(FancyArrowPatch(path=path, **look))


def _sheets(ax: Axes, e: dict[str, Any], s: State, point: float) -> None:
    for k in (5, 2.5, 0):
        ax.add_patch(Rectangle((e["x"] - 10 + k, e["y"] - 7 - k), 14, 18, facecolor="white", linewidth=0))
        look = _look(s, e["color"], 1.2 * point)
        ax.add_patch(Rectangle((e["x"] - 10 + k, e["y"] - 7 - k), 14, 18, fill=False, **look))


def _cut(ax: Axes, e: dict[str, Any], s: State, point: float) -> None:
    for shift in (-3, 3):
        ends = [e["x"] + shift - 4, e["x"] + shift + 4], [e["y"] + 8, e["y"] - 8]
        ax.plot(*ends, color=RED, linewidth=2.4 * point)


_SHAPES: dict[str, Callable[[Axes, dict[str, Any], State, float], None]] = {
    "box": _box, "frame": _frame, "ground": _ground, "text": _text, "square": _square, "star": _star,
    "arrow": _arrow, "line": _arrow, "sheets": _sheets, "cut": _cut,
}  # fmt: skip

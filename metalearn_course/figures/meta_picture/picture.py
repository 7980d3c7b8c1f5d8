"""Lesson 06's picture: a whole training run, forward, and the gradient that runs back along it."""

from __future__ import annotations

import textwrap
from typing import Any, Literal

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ..picture import DPI, WIDTH, Film, Picture, house_style
from .drawing import draw_scene, scene_axes, tokens
from .scene import meta_scene

Target = Literal["start", "rate"]

_POINT = 72 / DPI  # a unit of the scene is a pixel
_WORDS = 46  # units of height for the words beneath
_TRAVEL = (0.1, 0.4, 0.7, 0.95)


@house_style()
def meta_training(
    frames: dict[str, Any], moment: int | None = None, target: Target = "start", detached: bool = False
) -> Picture:
    """One moment of what `meta_training_frames` computed; without `moment` the essential ones, side by side.

    target: where the gradient is sent, to the start (squares) or to the rate (stars). detached: whether the chain is
    cut at every update.
    """
    last = len(frames["moments"]) - 1
    if target not in ("start", "rate"):
        raise ValueError(f"target={target!r}: the gradient is sent to the 'start' or to the 'rate'.")
    if moment is not None and not 0 <= moment <= last:
        raise ValueError(f"moment={moment} is not in the picture; it has moments 0 to {last}.")
    told = _told(frames, last if moment is None else moment, target, detached)
    if moment is None:
        return Picture(_strip(frames, target, detached), told)
    return Picture(_one(frames, moment, target, detached), told)


@house_style()
def meta_training_film(frames: dict[str, Any], target: Target = "start") -> Film:
    """All moments one after another, a picture that plays by itself (an animated PNG) and begins again."""
    if target not in ("start", "rate"):
        raise ValueError(f"target={target!r}: the gradient is sent to the 'start' or to the 'rate'.")
    moments = frames["moments"]
    images, seconds = [], []
    for i, moment in enumerate(moments):
        travel = _travel(frames, i, target)
        images += travel
        seconds += [0.12] * len(travel)
        images.append(_bitmap(_one(frames, i, target, False)))
        seconds.append(4.0 if i == len(moments) - 1 else 0.9 if moment["forward"] else 1.5)
    return Film(images, seconds, _told(frames, len(moments) - 1, target, False))


def _travel(frames: dict[str, Any], moment: int, target: str) -> list[Image.Image]:
    """What happens at this moment, in motion: tokens along the lit arrows, before the new numbers are there."""
    scene, flags = meta_scene(frames), {target, "attached"}
    ways = [tokens(scene, moment, flags, share, _POINT) for share in _TRAVEL]
    if not ways[0]:
        return []
    fig = _one(frames, moment, target, False, arriving=True)
    [ax] = fig.axes
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    still, images = canvas.copy_from_bbox(fig.bbox), []
    for way in ways:
        canvas.restore_region(still)
        for token in way:
            ax.add_patch(token)
            ax.draw_artist(token)
            token.remove()
        images.append(_image(canvas))
    return images


def _bitmap(fig: Figure) -> Image.Image:
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    return _image(canvas)


def _image(canvas: FigureCanvasAgg) -> Image.Image:
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def _told(frames: dict[str, Any], moment: int, target: str, detached: bool) -> str:
    which = "detached" if detached else target
    story = " ".join(m["words"][which] for m in frames["moments"][: moment + 1])
    return (
        "Meta-training on two levels. In the upper one, the meta-forward pass, the training steps of one run stand in "
        f"a row; in the lower one, the meta-backward pass, there is a box under each of them for the way back. {story}"
    )


def _one(frames: dict[str, Any], moment: int, target: str, detached: bool, arriving: bool = False) -> Figure:
    scene, flags = meta_scene(frames), {target, "detached" if detached else "attached"}
    width, height = scene["width"], scene["height"] + _WORDS
    fig = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    ax = scene_axes(fig, (0, 0, 1, 1), width, height)
    draw_scene(ax, scene, moment, flags, _POINT, arriving)
    said = textwrap.fill(frames["moments"][moment]["words"]["detached" if detached else target], int(width / 6.6))
    ax.text(8, scene["height"] + 6, said, va="top", fontsize=12 * _POINT, linespacing=1.3)
    return fig


def _strip(frames: dict[str, Any], target: str, detached: bool) -> Figure:
    """Six moments (four of a single training step), two in a row: large letters, the numbers as words beneath."""
    scene, moments, last = meta_scene(frames), frames["moments"], len(frames["loss"]) - 1
    at = {(m["kind"], m["step"]): i for i, m in enumerate(moments)}
    wanted = [("update", 0), ("update", last), ("meta-loss", None), ("back", last), ("back", 0), ("meta-update", None)]
    chosen = [at[pair] for pair in dict.fromkeys(wanted)]
    rows, side, words = -(-len(chosen) // 2), WIDTH / 2, 0.66
    high = side * scene["height"] / scene["width"]
    fig = Figure(figsize=(WIDTH, rows * (high + words)))
    flags = {target, "detached" if detached else "attached", "strip"}
    for i, now in enumerate(chosen):
        top = 1 - (i // 2) / rows
        part = (i % 2) / 2, top - high / (rows * (high + words)), 0.49, high / (rows * (high + words))
        ax = scene_axes(fig, part, scene["width"], scene["height"])
        draw_scene(ax, scene, now, flags, 0.98 * side * 72 / scene["width"])
        said = moments[now]["words"]["detached" if detached else target]
        fig.text(part[0] + 0.006, part[1], f"{i + 1}  {moments[now]['label']}", va="top", weight="bold", fontsize=8.5)
        below = part[1] - 0.17 / (rows * (high + words))
        fig.text(part[0] + 0.006, below, textwrap.fill(said, 59), va="top", fontsize=7.8, linespacing=1.25)
    return fig

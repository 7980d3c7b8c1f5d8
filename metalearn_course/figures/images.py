"""Images in rows: drawings as dark ink on white, whatever they were stored as, and color as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..tasks import Characters
from .palette import FAINT, INK, QUIET
from .picture import WIDTH, Picture, blank_axes, house_style, new_figure


def as_drawn(images: Any, ink: bool = True) -> np.ndarray:
    """Images as brightness, from 0 (black) to 1 (white).

    Args:
        images: (n, h, w), (n, 1, h, w) or in color (n, 3, h, w), of 0-255, 0-16 or 0-1.
        ink: whether large numbers of gray images are ink, as in `characters()`, and drawn dark. In photographs they are
            light. Colors are drawn as they are.

    Returns:
        Floats (n, h, w) or (n, h, w, 3).

    Raises:
        ValueError: for images of another shape.
    """
    array = np.asarray(images)
    shape, color = array.shape, array.ndim == 4 and array.shape[1] == 3
    if array.ndim == 4:
        array = array[:, 0] if array.shape[1] == 1 else np.moveaxis(array, 1, -1)
    if array.ndim != 3 + color or 0 in array.shape:
        raise ValueError(
            f"images have shape {shape}; expected (n, height, width), (n, 1, height, width) or, in color, "
            f"(n, 3, height, width)."
        )
    full = 255.0 if array.dtype == np.uint8 else max(1.0, float(array.max()))
    bright = np.clip(array / full, 0.0, 1.0)
    return 1.0 - bright if ink and not color else bright


def paint(ax: Axes, image: np.ndarray, x: float, y: float, size: float = 1.0, frame: str = FAINT) -> None:
    """One image, as `as_drawn` gives it, with its top left corner at (x, y), in a thin frame."""
    box = (x, x + size, y + size, y)
    limits = ax.get_xlim(), ax.get_ylim()
    ax.imshow(image, cmap="gray", vmin=0, vmax=1, extent=box, aspect="equal")
    ax.set(xlim=limits[0], ylim=limits[1])
    ax.plot([x, x + size, x + size, x, x], [y, y, y + size, y + size, y], color=frame, linewidth=0.8)


@house_style()
def image_grid(
    images: Any,
    titles: Sequence[Any] | None = None,
    columns: int | None = None,
    title: str = "",
    alt: str | None = None,
    ink: bool = True,
) -> Picture:
    """Images in a grid, each with its title above.

    `images` has shape (n, h, w), (n, 1, h, w) or, in color, (n, 3, h, w). ink: whether large numbers of gray images are
    drawn dark.
    """
    drawn = as_drawn(images, ink)
    if titles is not None and len(titles) != len(drawn):
        raise ValueError(f"{len(titles)} titles for {len(drawn)} images; give one each.")
    columns = min(len(drawn), columns or 10)
    rows = -(-len(drawn) // columns)
    step, drop = 1.12, 1.12 if titles is None else 1.45
    top = 0.0 if titles is None else 0.33
    width, height = columns * step - 0.12, rows * drop - (drop - 1 - top)
    inches = min(WIDTH / width, 0.85)
    fig = new_figure(width * inches, height * inches + (0.4 if title else 0))
    ax = blank_axes(fig, width, height)
    ax.set_title(title) if title else None
    for i, image in enumerate(drawn):
        x, y = step * (i % columns), top + drop * (i // columns)
        paint(ax, image, x, y)
        if titles is not None:
            ax.text(x + 0.5, y - 0.07, str(titles[i]), ha="center", va="bottom", fontsize=8.5, color=INK)
    if alt is None:
        kind = "in color, " if drawn.ndim == 4 else "dark on white, " if ink else ""
        layout = f"in {rows} rows of {columns}" if rows > 1 else "in a row"
        named = "" if titles is None else f", titled {', '.join(map(str, titles))}"
        alt = f"{title + ': ' if title else ''}{len(drawn)} small images, {kind}{layout}{named}."
    return Picture(fig, alt)


@house_style()
def symbol_sheet(characters: Characters) -> Picture:
    """A row per symbol, all its drawings."""
    rows = {name: images for name, images in zip(characters.names, characters.images, strict=True)}
    return _rows(
        {re.sub(r"(?<=\D)(?=\d)", " ", name.split("/")[-1]): np.asarray(images) for name, images in rows.items()},
        f"{len(rows)} symbols, a row each, with {characters.images.shape[1]} drawings of every symbol side by side.",
    )


@house_style()
def alphabets(characters: Characters, names: Sequence[str] | None = None, per: int = 6) -> Picture:
    """A row per alphabet, `per` of its characters: each alphabet is one dataset. Default: the first six alphabets."""
    have = list(dict.fromkeys(characters.alphabets))
    rows = {}
    for name in have[:6] if names is None else names:
        classes = [i for i, alphabet in enumerate(characters.alphabets) if alphabet == name][:per]
        if not classes:
            raise ValueError(f"{name!r} is no alphabet of these characters; expected one of {', '.join(have)}.")
        rows[name.replace("_", " ")] = np.asarray(characters.images[classes, 0])
    return _rows(rows, f"{per} characters of each of {len(rows)} alphabets, a row each: {', '.join(rows)}.")


def _rows(rows: dict[str, np.ndarray], alt: str) -> Picture:
    columns = max(map(len, rows.values()))
    margin = 0.3 + 0.118 * max(map(len, rows))
    width, height = margin + 1.12 * columns - 0.12, 1.12 * len(rows) - 0.12
    inches = min(WIDTH / width, 0.66)
    fig = new_figure(width * inches, height * inches)
    ax = blank_axes(fig, width, height)
    for i, (name, images) in enumerate(rows.items()):
        ax.text(0, 1.12 * i + 0.5, name, va="center", fontsize=9, color=QUIET)
        for j, image in enumerate(as_drawn(images)):
            paint(ax, image, margin + 1.12 * j, 1.12 * i)
    return Picture(fig, alt)


def short_name(name: str) -> str:
    """A class's name as a label: "Greek 07" for "Greek/character07"."""
    return name.replace("/character", " ").replace("/", " ").replace("_", " ")

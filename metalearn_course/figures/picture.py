"""A picture is a PNG and the words that say what it shows."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from PIL import Image

from . import palette
from .palette import INK, QUIET

DPI = 110
WIDTH = 7.0  # inches: a notebook's column
BY_VALUE = LinearSegmentedColormap.from_list("by value", palette.BY_VALUE)

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same bytes on every machine
    "font.size": 9,
    "mathtext.fontset": "stix",
    "text.color": INK,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlepad": 10,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": "#EBEBEB",
    "grid.linewidth": 0.8,
    "xtick.color": "#888888",
    "ytick.color": "#888888",
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
}


class Picture:
    """A finished figure: `png` holds its bytes, `alt` says in words and numbers what is to be seen."""

    def __init__(self, fig: Figure, alt: str) -> None:
        self.alt = _told(alt)
        with io.BytesIO() as drawn, io.BytesIO() as packed:
            fig.savefig(drawn, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.1, facecolor="white")
            fig.clear()
            image = Image.open(drawn).convert("RGB").quantize(128, dither=Image.Dither.NONE)
            image.save(packed, format="PNG", optimize=True)
            self.png = packed.getvalue()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        """The PNG and its words as metadata, and again as HTML: JupyterLab and nbconvert show no words otherwise."""
        encoded = base64.b64encode(self.png).decode("ascii")
        html = f'<img src="data:image/png;base64,{encoded}" alt="{escape(self.alt)}">'
        return {"text/html": html, "image/png": encoded, "text/plain": self.alt}, {"image/png": {"alt": self.alt}}

    def __repr__(self) -> str:
        return self.alt


class Film(Picture):
    """Images of one size, one after another, for ever: an animated PNG, which plays where no kernel runs.

    seconds: how long each stays. What cannot play it shows the last one.
    """

    def __init__(self, images: Sequence[Image.Image], seconds: Sequence[float], alt: str) -> None:
        self.alt = _told(alt)
        shown = _of_one_palette(images)
        times = [round(1000 * second) for second in seconds]
        with io.BytesIO() as packed:
            options = {"save_all": True, "default_image": True, "loop": 0, "optimize": True}
            shown[-1].save(packed, format="PNG", append_images=shown, duration=times, **options)
            self.png = packed.getvalue()


def _of_one_palette(images: Sequence[Image.Image]) -> list[Image.Image]:
    """All images in the colors of the last: each of 32 levels a channel is given the nearest of them."""
    colors = images[-1].quantize(128, dither=Image.Dither.NONE).getpalette() or []
    palette = np.array(colors, np.float32).reshape(-1, 3)
    levels = np.linspace(0, 255, 32, dtype=np.float32)
    red, green, blue = ((levels[:, None] - channel) ** 2 for channel in palette.T)
    nearest = (red[:, None, None] + green[:, None] + blue).argmin(-1).astype(np.uint8)
    shown = []
    for image in images:
        shown.append(Image.fromarray(nearest[tuple(np.moveaxis(np.asarray(image) >> 3, -1, 0))], "P"))
        shown[-1].putpalette(colors)
    return shown


def _told(alt: str) -> str:
    if not alt.strip():
        raise ValueError("alt is empty; say in words what the picture shows.")
    return " ".join(alt.split())


@contextmanager
def house_style() -> Iterator[None]:
    """The same look whatever the learner has set up: matplotlib's defaults, then the course's; also a decorator."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)  # type: ignore[arg-type]
        yield


def new_figure(width: float = WIDTH, height: float = 3.2) -> Figure:
    """An empty figure, in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def blank_axes(fig: Figure, width: float, height: float, place: Any = 111) -> Axes:
    """Axes without an axis, for drawing: one unit is the same length both ways, y grows downward."""
    ax = fig.add_subplot(place)
    ax.set(xlim=(-0.03, width + 0.03), ylim=(height + 0.03, -0.03), aspect="equal")
    ax.axis("off")
    return ax


def brief(value: float) -> str:
    """A number as alt text and labels say it: three significant digits."""
    return f"{value:.3g}"


def by_value(value: float | None, full: float) -> str:
    """The color of a weight, "#rrggbb": white at 0, at `full` and beyond as strong as it gets; None is not finite."""
    if value is None:
        return palette.NOT_FINITE
    red, green, blue, _ = BY_VALUE(0.5 + 0.5 * max(-1.0, min(1.0, value / full)), bytes=True)
    return f"#{red:02x}{green:02x}{blue:02x}"


def title_and_key(ax: Axes, title: str) -> None:
    """The title above the key above the axes; no key for a single line, whose name is on the axis."""
    labels = ax.get_legend_handles_labels()[1]
    columns = 4 if sum(map(len, labels)) < 55 else 3
    rows = -(-len(labels) // columns) if len(labels) > 1 else 0
    if rows:
        place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.4, "borderpad": 0}
        ax.legend(ncols=columns, handlelength=2.8, columnspacing=1.6, **place)
    if title:
        ax.set_title(title, pad=8 + 17 * rows)


def log_axis(axis: Axis) -> None:
    """A log scale with plain numbers on it, and more of them where the range is short."""
    low, high = sorted(axis.get_view_interval())
    decades = math.log10(high / low)
    between = (1, 2, 3, 5, 7) if decades < 1 else (1, 2, 5) if decades < 2.5 else (1,)
    axis.set_major_locator(LogLocator(subs=between, numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
    if decades < 2.5:
        axis.set_minor_locator(NullLocator())

"""The learner's own symbols: a few-shot task that nothing can have been trained on, since its classes were invented."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .._common.files import write_aside
from .characters import Characters
from .omniglot import SIZE

SHIPPED = Path(__file__).parent / "symbols.npz"
SYMBOLS = 5
LINE = 0.052  # of the canvas: 1.45 of 28 pixels, the line width measured in Omniglot
Stroke = Sequence[tuple[float, float]]


def my_symbols(home: str | Path | None = None) -> Characters:
    """The five symbols that the learner drew, or five that ship with the course; all of them are for test.

    Args:
        home: the learner's folder; METALEARN_HOME, or my_exercises/, by default.

    Returns:
        `Characters` whose `source` is "my symbols" or "shipped symbols".

    Raises:
        ValueError: if the learner's file is damaged, and for a `home` that is no folder.
    """
    if home is not None and not Path(home).is_dir():
        raise ValueError(f"home={str(home)!r} is no folder. Give the one that symbols were drawn in, or leave it out.")
    path = symbols_path(home)
    source = "my symbols" if path.exists() else "shipped symbols"
    try:
        with np.load(path if path.exists() else SHIPPED, allow_pickle=False) as file:
            images = file["images"]
        _check_symbols(images)
    except Exception as error:  # np.load has many kinds of them for a damaged file
        raise ValueError(
            f"{path} holds no symbols ({str(error).splitlines()[0]}). Delete it, or draw your symbols again."
        ) from error
    names = [f"Symbols/symbol{i + 1}" for i in range(SYMBOLS)]
    splits = {"test": torch.arange(SYMBOLS)}
    return Characters(torch.from_numpy(images), ["Symbols"] * SYMBOLS, names, splits, source, split="")


def save_symbols(images: np.ndarray | Tensor, home: str | Path | None = None) -> Path:
    """Keep five symbols in the learner's folder.

    Args:
        images: uint8 (5, drawings, 28, 28), ink 255, two drawings of each or more.
        home: as in `my_symbols`.

    Returns:
        The file.

    Raises:
        ValueError: for images of another form, and for a blank one.
    """
    array = np.asarray(images)
    _check_symbols(array)
    path = symbols_path(home)
    write_aside(path, lambda file: np.savez_compressed(file, images=array))
    return path


def symbols_path(home: str | Path | None = None) -> Path:
    """Where the learner's symbols lie."""
    told = home or os.environ.get("METALEARN_HOME") or Path(__file__).parents[2] / "my_exercises"
    return Path(told).expanduser() / "symbols.npz"


def _check_symbols(images: np.ndarray) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[2:] != (SIZE, SIZE):
        raise ValueError(
            f"Symbols are {images.dtype} of shape {images.shape}; expected uint8 (5, drawings, {SIZE}, {SIZE}) with "
            "ink 255. strokes_to_image makes such images."
        )
    if len(images) != SYMBOLS:
        raise ValueError(f"There are {len(images)} symbols; expected {SYMBOLS}. Draw {SYMBOLS} different ones.")
    if images.shape[1] < 2:
        raise ValueError(
            f"There is {images.shape[1]} drawing of each symbol; expected at least 2, one to learn from and one to be "
            "asked about. Draw each again."
        )
    blank = np.argwhere(images.max((2, 3)) == 0)
    if len(blank):
        symbol, drawing = blank[0] + 1
        raise ValueError(f"Drawing {drawing} of symbol {symbol} is blank; expected ink. Draw it again.")


def strokes_to_image(strokes: Sequence[Stroke], size: int = SIZE) -> np.ndarray:
    """Pointer strokes as an image like Omniglot's.

    The line is drawn at eight times the size, with round ends, and resized by LANCZOS, as Omniglot is. What lies
    outside of the canvas is cut off.

    Args:
        strokes: each a row of points (x, y) in [0, 1]^2, y down.
        size: of the image, in pixels.

    Returns:
        uint8 (size, size), ink 255.
    """
    from PIL import Image, ImageDraw

    fine = 8 * size
    canvas = Image.new("L", (fine, fine), 0)
    pen = ImageDraw.Draw(canvas)
    radius = LINE * fine / 2
    for stroke in strokes:
        points = [(x * fine, y * fine) for x, y in stroke]
        if len(points) > 1:
            pen.line(points, fill=255, width=round(2 * radius))
        for x, y in points:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.array(canvas.resize((size, size), Image.Resampling.LANCZOS))

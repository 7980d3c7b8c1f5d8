"""A folder of your own images, a sub-folder a class, as classes that episodes are drawn from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .._common.arguments import whole
from .image_classes import ImageClasses, Splits, refuse_small_classes, split_classes

SPLITS = {"train": 0.6, "validation": 0.2, "test": 0.2}
FITS = ("crop", "pad")
NAMED = 20  # files that a warning names; of more it says how many there are


def images_from_folder(
    path: str | os.PathLike[str],
    size: int = 28,
    color: bool = False,
    *,
    splits: Splits = SPLITS,
    seed: int = 0,
    fit: str = "crop",
    invert: bool = False,
) -> ImageClasses:
    """Your own images, each sub-folder of `path` a class, as what `Episodes` draws from.

    Prints a line that says what was found. Images may have any size and mode; they are turned upright (EXIF), what is
    transparent becomes white, and of an animation the first picture counts. A file that cannot be read as an image is
    left out, and a line names it. Hidden files and folders are not looked at. Classes are sorted by name and may be of
    unequal size.

    Args:
        path: the folder.
        size: of the square that every image is made, in pixels.
        color: whether images keep their colors, 3 channels; otherwise they are gray, 1 channel.
        splits: a dict, name of a split -> its fraction of the classes; or -> a list of the names of its classes.
        seed: of the draw of classes, for fractions.
        fit: how an image that is not square becomes so: "crop" cuts off what is too long, on both sides; "pad" adds
            white.
        invert: whether to exchange dark and light. Networks that were trained on `characters()` expect light ink on
            dark paper.

    Returns:
        `ImageClasses`, whose episodes hold x (tasks, n, channels, size, size) in [0, 1].

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it has fewer than two classes, a class has fewer than two images, or a split fewer than two
            classes.
    """
    folder, size, seed = Path(path).expanduser(), whole("size", size), whole("seed", seed, 0)
    if fit not in FITS:
        raise ValueError(f"fit={fit!r} is unknown; choose one of {', '.join(map(repr, FITS))}.")
    classes = _classes_of(folder)
    skipped: list[str] = []
    read = {name: _read_class(files, size, color, fit, invert, skipped) for name, files in classes.items()}
    if skipped:
        _name_skipped(skipped)
    names, counts = list(read), [len(images) for images in read.values()]
    refuse_small_classes(names, counts)
    ids, told = split_classes(names, splits, seed)
    images = torch.from_numpy(np.concatenate([np.stack(images) for images in read.values()]))
    source = f"{folder.resolve().name}, {len(images):,} images of {len(names):,} classes, {_form(size, color, invert)}"
    found = ImageClasses(images, torch.tensor(counts), names, ids, source, told)
    print(f"{found}.{'' if color or invert else _remark_on_light(images)}")
    return found


def _form(size: int, color: bool, invert: bool) -> str:
    return f"{size}x{size} {'color' if color else 'gray'}{', inverted' if invert else ''}"


def _remark_on_light(images: torch.Tensor) -> str:
    """What to know where images are dark on light: networks of this course were trained on the contrary."""
    mean = images.float().mean().item() / 255
    if mean <= 0.5:
        return ""
    return (
        f" They are mostly light (mean {mean:.2f}); for a network that was trained on characters(), ink 1 on paper 0, "
        "read them with invert=True."
    )


def _classes_of(folder: Path) -> dict[str, list[Path]]:
    """The files of every class, both sorted by name."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise FileNotFoundError(
            f"{folder.absolute()} {what}; expected a folder that holds a sub-folder of images for each class."
        )
    classes = {place.name: place for place in sorted(_visible(folder)) if place.is_dir()}
    if len(classes) < 2:
        loose = sum(place.is_file() for place in _visible(folder))
        raise ValueError(
            f"{folder.absolute()} holds {len(classes)} sub-folders and {loose} files; expected at least 2 sub-folders, "
            "one for each class, with its images in it."
        )
    files = {name: [f for f in sorted(_visible(place)) if f.is_file()] for name, place in classes.items()}
    if not any(files.values()):
        inner = next((f for place in classes.values() for f in sorted(_visible(place))), None)
        advice = f" Is the folder one level too high? Try {inner.parent.name!r} in it." if inner is not None else ""
        raise ValueError(f"The sub-folders of {folder.absolute()} hold no files; expected images in them.{advice}")
    return files


def _visible(folder: Path) -> list[Path]:
    return [place for place in folder.iterdir() if not place.name.startswith((".", "__MACOSX"))]


def _read_class(
    files: list[Path], size: int, color: bool, fit: str, invert: bool, skipped: list[str]
) -> list[np.ndarray]:
    """The images of one class, uint8 (channels, size, size); what cannot be read is added to `skipped`, with why."""
    images = []
    for file in files:
        try:
            image = _read_image(file, size, color, fit)
        except Exception as error:  # a damaged file raises whatever its decoder happens to meet
            skipped.append(f"{file.parent.name}/{file.name} ({_why(error)})")
        else:
            images.append(255 - image if invert else image)
    return images


def _why(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "no image"
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:80]


def _name_skipped(skipped: list[str]) -> None:
    more = f" and {len(skipped) - NAMED:,} more" if len(skipped) > NAMED else ""
    files = "1 file cannot" if len(skipped) == 1 else f"{len(skipped):,} files cannot"
    was = "was" if len(skipped) == 1 else "were"
    print(f"Warning: {files} be read as an image and {was} left out: {', '.join(skipped[:NAMED])}{more}.")


def _read_image(file: Path, size: int, color: bool, fit: str) -> np.ndarray:
    """One image as uint8 (channels, size, size)."""
    from PIL import Image, ImageOps

    with Image.open(file) as opened:
        opened.draft(None, (4 * size, 4 * size))  # a large JPEG is read at an eighth of its size, but not smaller
        upright = ImageOps.exif_transpose(opened)
        image = _on_white(upright).convert("RGB" if color else "L")
    made: Any = ImageOps.fit if fit == "crop" else ImageOps.pad
    options = {} if fit == "crop" else {"color": "white"}
    pixels = np.asarray(made(image, (size, size), Image.Resampling.LANCZOS, **options))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)) if color else pixels[None]


def _on_white(image: Any) -> Any:
    """The image without transparency, in 8 bits."""
    from PIL import Image

    if image.mode.startswith(("I", "F")):  # convert would cut off all that is above 255
        return Image.fromarray(_in_bytes(np.asarray(image)))
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image)
    return white.convert("RGB")


def _in_bytes(values: np.ndarray) -> np.ndarray:
    """Numbers of 16 bits, or of 8 bits in more, as bytes; others have no known white."""
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
        raise ValueError(f"values from {values.min():g} to {values.max():g}: which of them is white?")
    return (values if values.max() <= 255 and values.dtype != np.uint16 else values // 257).astype(np.uint8)

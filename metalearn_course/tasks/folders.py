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
FITS = ("pad", "crop")
FAINT = 0.1  # ink on transparent that differs from white by less, on average, is put on black
NAMED = 20  # files that a warning names; of more it says how many there are


def images_from_folder(
    path: str | os.PathLike[str],
    size: int = 28,
    color: bool = False,
    *,
    splits: Splits = SPLITS,
    seed: int = 0,
    fit: str = "pad",
    invert: bool = False,
) -> ImageClasses:
    """Your own images, each sub-folder of `path` a class, as what `Episodes` draws from.

    Prints a line that says what was found. Images may have any size and mode; they are turned upright (EXIF), and of an
    animation the first picture counts. What is transparent becomes white or, under ink that is nearly white, black,
    which a line says. A file that cannot be read as an image is left out, and a line names it. Hidden files and folders
    are not looked at. Classes are sorted by name and may be of unequal size.

    Args:
        path: the folder.
        size: of the square that every image is made, in pixels.
        color: whether images keep their colors, 3 channels; otherwise they are gray, 1 channel.
        splits: a dict, name of a split -> its fraction of the classes; or -> a list of the names of its classes.
        seed: of the draw of classes, for fractions.
        fit: how an image that is not square becomes so: "pad" adds to the short sides, in the color of its border (the
            median), so that nothing is lost; "crop" cuts off what is too long, on both sides.
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
    on_black: list[str] = []
    read = {name: _read_class(files, size, color, fit, invert, skipped, on_black) for name, files in classes.items()}
    if skipped:
        _name_skipped(skipped)
    if on_black:
        are = "1 image is" if len(on_black) == 1 else f"{len(on_black):,} images are"
        print(f"{are} nearly white on transparent and put on black: {_listed(on_black)}.")
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
    files: list[Path], size: int, color: bool, fit: str, invert: bool, skipped: list[str], on_black: list[str]
) -> list[np.ndarray]:
    """The images of one class, uint8 (channels, size, size).

    What cannot be read is added to `skipped`, with why; what is put on black, to `on_black`.
    """
    images = []
    for file in files:
        try:
            image, paper = _read_image(file, size, color, fit)
        except Exception as error:  # a damaged file raises whatever its decoder happens to meet
            skipped.append(f"{file.parent.name}/{file.name} ({_why(error)})")
        else:
            images.append(255 - image if invert else image)
            if paper == "black":
                on_black.append(f"{file.parent.name}/{file.name}")
    return images


def _why(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "no image"
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:80]


def _name_skipped(skipped: list[str]) -> None:
    files = "1 file cannot" if len(skipped) == 1 else f"{len(skipped):,} files cannot"
    was = "was" if len(skipped) == 1 else "were"
    print(f"Warning: {files} be read as an image and {was} left out: {_listed(skipped)}.")


def _listed(files: list[str]) -> str:
    return ", ".join(files[:NAMED]) + (f" and {len(files) - NAMED:,} more" if len(files) > NAMED else "")


def _read_image(file: Path, size: int, color: bool, fit: str) -> tuple[np.ndarray, str]:
    """One image as uint8 (channels, size, size), and the paper that it was put on, "white" or "black"."""
    from PIL import Image, ImageOps

    with Image.open(file) as opened:
        opened.draft(None, (4 * size, 4 * size))  # a large JPEG is read at an eighth of its size, but not smaller
        upright = ImageOps.exif_transpose(opened)
        image, paper = _on_paper(upright, "RGB" if color else "L")
    if fit == "crop":
        square = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    else:
        square = ImageOps.pad(image, (size, size), Image.Resampling.LANCZOS, color=_border(image))
    pixels = np.asarray(square)
    return (np.ascontiguousarray(pixels.transpose(2, 0, 1)) if color else pixels[None]), paper


def _border(image: Any) -> tuple[int, ...]:
    """The color of most of an image's border: of its outermost pixels, the median of each channel."""
    pixels = np.asarray(image).reshape(image.height, image.width, -1)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return tuple(np.sort(edge, axis=0)[len(edge) // 2].tolist())  # one that occurs, not a mean of two


def _on_paper(image: Any, mode: str) -> tuple[Any, str]:
    """The image without transparency, 8 bits, in this mode; and the paper under it, which its ink differs from."""
    from PIL import Image

    if image.mode.startswith(("I", "F")):  # convert would cut off all that is above 255
        return Image.fromarray(_in_bytes(np.asarray(image))).convert(mode), "white"
    if not image.has_transparency_data:
        return image.convert("RGB").convert(mode), "white"
    image = image.convert("RGBA")
    paper = "black" if _is_faint_on_white(image, mode) else "white"
    sheet = Image.new("RGBA", image.size, paper)
    sheet.alpha_composite(image)
    return sheet.convert("RGB").convert(mode), paper


def _is_faint_on_white(image: Any, mode: str) -> bool:
    """Whether what is drawn differs from white by little, as it is in this mode; a pixel counts by its opacity."""
    ink = np.asarray(image.convert("RGB").convert(mode), float).reshape(image.height, image.width, -1)
    alpha = np.asarray(image.getchannel("A"), float)
    if not 0 < alpha.mean() < 255:  # nothing is drawn, or nothing is transparent
        return False
    return bool((alpha * (1 - ink / 255).max(-1)).sum() < FAINT * alpha.sum())


def _in_bytes(values: np.ndarray) -> np.ndarray:
    """Numbers of 16 bits, or of 8 bits in more, as bytes; others have no known white."""
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
        raise ValueError(f"values from {values.min():g} to {values.max():g}; save it in 8 bits, 255 for white")
    return (values if values.max() <= 255 and values.dtype != np.uint16 else values // 257).astype(np.uint8)

"""Handwritten characters: real Omniglot where it can be had, and otherwise glyphs of many scripts."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..learners import Frozen
from . import omniglot
from .omniglot import OMNIGLOT, Archive, Packed

GLYPHS = Path(__file__).parent / "glyphs.npz"
VALIDATION_ALPHABETS = ("Armenian", "Futurama", "Korean", "N_Ko", "Tagalog")  # of Omniglot's background set
RANDOM_SPLIT = {"train": 1028, "validation": 172, "test": 423}  # of 1,623 characters; each makes four classes, rotated


@dataclass
class Characters:
    """Images of characters, sorted by class, and which classes are for training, validation and test.

    Args:
        images: uint8 (classes, examples, 28, 28), ink 255 on paper 0.
        alphabets: the alphabet of each class.
        names: the name of each class.
        splits: name of a split -> int64 ids of its classes.
        source: "omniglot", "glyphs", or where else they are from.
        split: how the classes were split: "alphabets" or "random".
        features: float (classes, examples, d), what a frozen encoder makes of the images; where they are given,
            episodes hold them instead of images.

    Raises:
        ValueError: for images of another form, empty ones, lists of another length, a class in two splits.
    """

    images: Tensor
    alphabets: list[str]
    names: list[str]
    splits: dict[str, Tensor]
    source: str
    split: str = field(default="alphabets", kw_only=True)
    features: Tensor | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        images = self.images
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise ValueError(
                f"Characters: images are {images.dtype} of shape {tuple(images.shape)}; expected uint8 (classes, "
                "examples, height, width) with ink 255 on paper 0. Convert them."
            )
        classes, _, height, width = images.shape
        if 0 in images.shape:
            raise ValueError(
                f"Characters: images of shape {tuple(images.shape)} are empty; expected at least 2 classes with "
                "an example each. Add images."
            )
        if height != width:
            raise ValueError(f"Characters: images are {height}x{width}; expected square ones. Crop or pad them.")
        if classes < 2:
            raise ValueError("Characters: images hold 1 class; telling classes apart needs at least 2. Add a class.")
        for what, texts in (("alphabets", self.alphabets), ("names", self.names)):
            if len(texts) != classes:
                raise ValueError(f"Characters: {len(texts)} {what} for {classes} classes; expected one a class.")
        blank = images.flatten(2).amax(-1) == 0
        if blank.any():
            row, column = blank.nonzero()[0].tolist()
            raise ValueError(
                f"Characters: example {column} of class {row} ({self.names[row]!r}) is empty; expected ink in every "
                "image. Leave it out, or invert the images if ink is 0."
            )
        self._check_splits(classes)

    def _check_splits(self, classes: int) -> None:
        owners: dict[int, str] = {}
        for name, ids in self.splits.items():
            if ids.dtype != torch.int64 or ids.ndim != 1:
                raise ValueError(
                    f"Characters: split {name!r} is {ids.dtype} of shape {tuple(ids.shape)}; expected a row of int64 "
                    "class ids."
                )
            for i in ids.tolist():
                if not 0 <= i < classes:
                    raise ValueError(f"Characters: split {name!r} names class {i}; the classes are 0 to {classes - 1}.")
                if i in owners:
                    raise ValueError(
                        f"Characters: class {i} ({self.names[i]!r}) is in split {owners[i]!r} and again in {name!r}; "
                        "expected every class once, or the test leaks."
                    )
                owners[i] = name

    @property
    def counts(self) -> Tensor:
        """How many examples each class has, int64 (classes,): as many as the others."""
        return torch.full((self.images.shape[0],), self.images.shape[1])

    @property
    def kinds(self) -> list[str]:
        """The larger kind that each class belongs to: its alphabet."""
        return self.alphabets

    def embedded(self, encoder: nn.Module) -> Characters:
        """The same characters, every image turned into features once, in eval mode, to be trained on many times."""
        frozen, images = Frozen(encoder), self.images.flatten(0, 1)
        with torch.no_grad():
            features = torch.cat([frozen(as_input(part)) for part in images.split(1000)])
        return replace(self, features=features.unflatten(0, self.images.shape[:2]))

    def inputs(self, places: Tensor) -> Tensor:
        """Inputs at places (class * examples + example) of any shape: images (..., 1, 28, 28), or features (..., d)."""
        if self.features is not None:
            return self.features.flatten(0, 1)[places]
        return as_input(self.images.flatten(0, 1)[places])

    def __str__(self) -> str:
        classes, examples = self.images.shape[:2]
        parts = ", ".join(f"{name} {len(ids):,}" for name, ids in self.splits.items())
        scripts = len(set(self.alphabets))
        return (
            f"{self.source}: {classes:,} classes x {examples} drawings, {scripts} "
            f"alphabet{'s' if scripts > 1 else ''}; classes by split: {parts}"
        )

    __repr__ = __str__


def as_input(images: Tensor) -> Tensor:
    """Stored images (..., 28, 28), ink 255, as an encoder's input (..., 1, 28, 28): 0 paper, 1 ink."""
    return images.float().div_(255).unsqueeze(-3)


def characters(
    source: str = "auto",
    split: str = "alphabets",
    root: str | Path | None = None,
    archives: tuple[Archive, ...] = OMNIGLOT,
) -> Characters:
    """Omniglot, or glyphs where it cannot be had; prints in one line which, and how to get the other.

    Args:
        source: "auto" takes Omniglot from the user's cache, `root` or $METALEARN_DATA, or the network, and otherwise
            glyphs; "omniglot" takes nothing else; "glyphs" takes the glyphs that ship with the course.
        split: "alphabets" keeps every alphabet on one side (30 background alphabets, 5 of them for validation, and 20
            for test); "random" draws 1028 / 172 / 423 characters and adds each rotated by 90, 180 and 270 degrees as a
            class of its own, on the same side (Santoro et al., 2016, arXiv:1605.06065; Vinyals et al., 2016,
            arXiv:1606.04080). Class id: character + rotations * 1623.
        root: the folder that holds omniglot/; $METALEARN_DATA by default.
        archives: the parts of the data, for tests.

    Returns:
        The `Characters`.

    Raises:
        FileNotFoundError: if `source` is "omniglot" and it cannot be had, or `root` does not hold it.
        ValueError: for another source or split, and for damaged files.
    """
    if source not in ("auto", "omniglot", "glyphs"):
        raise ValueError(f"source={source!r} is unknown; expected 'auto', 'omniglot' or 'glyphs'.")
    if split not in ("alphabets", "random"):
        raise ValueError(f"split={split!r} is unknown; expected 'alphabets' or 'random'.")
    if source == "glyphs":
        packed, found, line = load_glyphs(), "glyphs", "characters() takes real Omniglot where it can."
    else:
        packed, found, line = _find(source, root, archives)
    result = _split_by_alphabets(packed, found) if split == "alphabets" else _split_at_random(packed, found)
    print(f"{result}. {line}")
    return result


def _find(source: str, root: str | Path | None, archives: tuple[Archive, ...]) -> tuple[Packed, str, str]:
    """The data, "omniglot" or "glyphs", and how to get the other."""
    to_glyphs = "source='glyphs' gives glyphs instead."
    told = f"root={str(root)!r}" if root is not None else f"METALEARN_DATA={os.environ.get('METALEARN_DATA')!r}"
    where = root if root is not None else os.environ.get("METALEARN_DATA")
    if where is not None and str(where).strip():
        places = omniglot.find_archives(Path(where).expanduser() / "omniglot", archives, told)
        origin = omniglot.fingerprint(places)
        packed = omniglot.load_packed(archives, origin)
        if packed is None:
            packed = omniglot.read_archives(places, archives)
            omniglot.save_packed(packed, archives, origin)
        return packed, "omniglot", to_glyphs
    packed = omniglot.load_packed(archives)
    if packed is not None:
        return packed, "omniglot", to_glyphs
    why = _why_no_download(source)
    if not why:
        try:
            packed = omniglot.download(archives)
            omniglot.save_packed(packed, archives, "download")
            return packed, "omniglot", to_glyphs
        except (ConnectionError, ValueError) as error:
            why = str(error).removesuffix(".")
    how = "put its two zips into a folder omniglot/ and set METALEARN_DATA to the folder that holds it"
    if source == "omniglot":
        raise FileNotFoundError(
            f"Omniglot is not to be had: {why}. Go online, or {how}; source='glyphs' needs neither."
        )
    return load_glyphs(), "glyphs", f"For real Omniglot ({why}) {how}, or call characters(source='omniglot') online."


def _why_no_download(source: str) -> str:
    if os.environ.get("METALEARN_OFFLINE", "") not in ("", "0"):
        return "METALEARN_OFFLINE is set"
    if source == "auto" and omniglot.failed_lately():
        return "a download failed within the last hour"
    return ""


def load_glyphs() -> Packed:
    """The glyphs that ship with the course; tools/glyphs.py made them."""
    with np.load(GLYPHS, allow_pickle=False) as file:
        images = (file["levels"] * np.uint8(17)).transpose(1, 0, 2, 3)
        texts = [file[key].tolist() for key in ("parts", "alphabets", "names")]
    return Packed(np.ascontiguousarray(images), *texts)


def _split_by_alphabets(packed: Packed, source: str) -> Characters:
    sides = []
    for part, alphabet in zip(packed.parts, packed.alphabets, strict=True):
        if part in ("images_evaluation", "test"):
            sides.append("test")
        elif part == "validation" or (part == "images_background" and alphabet in VALIDATION_ALPHABETS):
            sides.append("validation")
        else:
            sides.append("train")
    splits = {
        name: torch.tensor([i for i, side in enumerate(sides) if side == name], dtype=torch.int64)
        for name in ("train", "validation", "test")
    }
    return Characters(torch.from_numpy(packed.images), packed.alphabets, packed.names, splits, source)


def _split_at_random(packed: Packed, source: str) -> Characters:
    images = torch.from_numpy(packed.images)
    base = len(images)
    order = torch.from_numpy(np.random.RandomState(0).permutation(base).astype(np.int64))
    first = round(base * RANDOM_SPLIT["train"] / 1623)
    second = first + round(base * RANDOM_SPLIT["validation"] / 1623)
    sides = {"train": order[:first], "validation": order[first:second], "test": order[second:]}
    turns = torch.arange(4)[:, None] * base
    splits = {name: (turns + ids.sort().values).flatten() for name, ids in sides.items()}
    names = packed.names + [f"{name} rotated {angle}" for angle in (90, 180, 270) for name in packed.names]
    turned = torch.cat([images.rot90(k, (2, 3)) for k in range(4)])
    return Characters(turned, packed.alphabets * 4, names, splits, source, split="random")

"""Images of any classes, gray or in color, as many of each class as there are."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from .._common.arguments import number, whole
from ..learners import Frozen

Splits = Mapping[str, float] | Mapping[str, Collection[str]]
LEAST = 2  # images of a class, one to learn from and one to be asked about; and classes of a split


@dataclass
class ImageClasses:
    """Images sorted by class, and which classes are for training, validation and test. `Episodes` are drawn from it.

    Args:
        images: uint8 (n, channels, size, size), channels 1 (gray) or 3 (color): all of class 0, then all of class 1,
            and so on.
        counts: int64 (classes,), how many images each class has, 2 or more.
        names: the name of each class.
        splits: name of a split -> int64 ids of its classes; no class in two of them.
        source: where the images are from.
        split: how the classes were split, in words.
        kinds: the larger kind that each class belongs to, for `Episodes(within_alphabet=True)`; one for all by default.
        features: float (n, d), what a frozen encoder makes of the images; where they are given, episodes hold them
            instead of images.

    Raises:
        ValueError: for images or counts of another form, lists of another length, fewer than two classes, a class with
            one image, a class in two splits.
    """

    images: Tensor
    counts: Tensor
    names: list[str]
    splits: dict[str, Tensor]
    source: str
    split: str = ""
    kinds: list[str] = field(default_factory=list)
    features: Tensor | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.images.shape)
        if self.images.dtype != torch.uint8 or len(shape) != 4 or shape[1] not in (1, 3) or shape[2] != shape[3]:
            raise ValueError(
                f"ImageClasses: images are {self.images.dtype} of shape {shape}; expected uint8 (n, channels, size, "
                "size), channels 1 or 3. Convert them."
            )
        if self.counts.dtype != torch.int64 or self.counts.ndim != 1 or int(self.counts.sum()) != len(self.images):
            raise ValueError(
                f"ImageClasses: counts are {self.counts.tolist()} ({self.counts.dtype}) for {len(self.images)} images; "
                "expected int64, one a class, which add up to the images."
            )
        if len(self.counts) < LEAST:
            raise ValueError("ImageClasses: telling classes apart needs at least 2 of them. Add a class.")
        self.kinds = self.kinds or [self.source] * len(self.counts)
        for what, texts in (("names", self.names), ("kinds", self.kinds)):
            if len(texts) != len(self.counts):
                raise ValueError(f"ImageClasses: {len(texts)} {what} for {len(self.counts)} classes; expected as many.")
        refuse_small_classes(self.names, self.counts.tolist())
        listed = torch.cat([*self.splits.values(), torch.zeros(0, dtype=torch.int64)])
        if len(listed.unique()) < len(listed) or not set(listed.tolist()) <= set(range(len(self.names))):
            raise ValueError(
                f"ImageClasses: splits hold the class ids {listed.tolist()}; expected ids from 0 to "
                f"{len(self.names) - 1}, none of them twice, or the test leaks."
            )

    def embedded(self, encoder: nn.Module) -> ImageClasses:
        """The same images, each turned into features once, in eval mode, to be trained on many times."""
        frozen = Frozen(encoder)
        with torch.no_grad():
            features = torch.cat([frozen(part.float().div_(255)) for part in self.images.split(1000)])
        return replace(self, features=features)

    def inputs(self, places: Tensor) -> Tensor:
        """Inputs at places (of all images) of any shape: images (..., channels, size, size) in [0, 1], or features."""
        if self.features is not None:
            return self.features[places]
        return self.images[places].float().div_(255)

    def of_class(self, name: str) -> Tensor:
        """All inputs of one class, (count, channels, size, size) or features (count, d)."""
        if name not in self.names:
            raise ValueError(_unknown_class(name, self.names))
        index = self.names.index(name)
        first = int(self.counts[:index].sum())
        return self.inputs(torch.arange(first, first + int(self.counts[index])))

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {len(ids):,}" for name, ids in self.splits.items())
        least, most = int(self.counts.min()), int(self.counts.max())
        each = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        return f"{self.source}; {each} images a class; classes by split: {parts}"

    __repr__ = __str__


def refuse_small_classes(names: Sequence[str], counts: Sequence[int]) -> None:
    """ValueError where a class has fewer than two images, with the names of all such classes."""
    small = [f"{name!r} ({count})" for name, count in zip(names, counts, strict=True) if count < LEAST]
    if small:
        raise ValueError(
            f"At least 2 images a class are needed, one to learn from and one to be asked about; too few in "
            f"{', '.join(small)}. Add images, or take these classes away."
        )


def split_classes(names: Sequence[str], splits: Splits, seed: int = 0) -> tuple[dict[str, Tensor], str]:
    """Which classes are for what.

    Args:
        names: of all classes.
        splits: name of a split -> names of its classes; or -> its fraction of the classes, which are then drawn at
            random. Classes that no split names, and what fractions leave of 1, are not used.
        seed: of the draw.

    Returns:
        Name of a split -> int64 ids of its classes, ascending; and how it was done, in words.

    Raises:
        ValueError: for a class that is unknown or in two splits, fractions that are not above 0 or add up to more than
            1, and a split of fewer than two classes.
    """
    if not isinstance(splits, Mapping) or not splits:
        raise ValueError(f"splits={splits!r}; expected a dict, as in splits={{'train': 0.6, 'test': 0.4}}.")
    if texts := [part for part in splits.values() if isinstance(part, str)]:
        raise ValueError(
            f"splits names {texts[0]!r} alone; expected a fraction, or a list of class names: [{texts[0]!r}]."
        )
    given = {name: list(part) for name, part in splits.items() if isinstance(part, Collection)}
    fractions = {name: part for name, part in splits.items() if not isinstance(part, Collection)}
    if given and fractions:
        raise ValueError(f"splits={splits!r} mixes fractions and lists of class names; give one kind.")
    ids, told = _given(names, given) if given else _drawn(names, fractions, whole("seed", seed, 0))
    for name, chosen in ids.items():
        if len(chosen) < LEAST:
            advice = "Name more classes for it." if given else f"Change splits: {advised_splits(len(names), LEAST)}."
            raise ValueError(
                f"The split {name!r} gets {len(chosen)} of {len(names)} classes; an episode needs at least 2. {advice}"
            )
    return ids, told


def advised_splits(classes: int, least: int) -> str:
    """Fractions by which training and test both get `least` of the classes, in words; or how many classes it takes."""
    for train, test in ((0.6, 0.4), (0.5, 0.5)):
        sizes = [end - start for start, end in pairwise(_bounds([train, test], classes))]
        if min(sizes) >= least:
            return f"splits={{'train': {train}, 'test': {test}}} gives {sizes[0]} and {sizes[1]}"
    return (
        f"classes for training and others for test take {2 * least} or more; splits={{'test': 1.0}} keeps all "
        f"{classes} for a method that was trained elsewhere"
    )


def _given(names: Sequence[str], splits: Mapping[str, Collection[str]]) -> tuple[dict[str, Tensor], str]:
    owners: dict[str, str] = {}
    for split, chosen in splits.items():
        for name in chosen:
            if name not in names:
                raise ValueError(_unknown_class(name, names))
            if name in owners:
                raise ValueError(
                    f"The class {name!r} is in split {owners[name]!r} and again in {split!r}; expected every class "
                    "once, or the test leaks."
                )
            owners[name] = split
    places = {name: place for place, name in enumerate(names)}
    ids = {
        split: torch.tensor(sorted(places[name] for name in chosen), dtype=torch.int64)
        for split, chosen in splits.items()
    }
    told = repr({split: sorted(chosen) for split, chosen in splits.items()})
    return ids, f"given split {zlib.crc32(told.encode()):08x}"  # a checkpoint has to tell one from another


def _drawn(names: Sequence[str], splits: Mapping[str, float], seed: int) -> tuple[dict[str, Tensor], str]:
    fractions = [number(f"splits[{name!r}]", part, above=0) for name, part in splits.items()]
    if sum(fractions) > 1 + 1e-9:
        raise ValueError(f"The fractions of splits={dict(splits)} add up to {sum(fractions):g}; expected at most 1.")
    order = np.random.RandomState(seed).permutation(len(names))
    bounds = _bounds(fractions, len(names))
    ids = {
        name: torch.from_numpy(np.sort(order[bounds[i] : bounds[i + 1]]).astype(np.int64))
        for i, name in enumerate(splits)
    }
    return ids, f"classes {'/'.join(f'{part:g}' for part in fractions)}, seed {seed}"


def _bounds(fractions: Sequence[float], classes: int) -> list[int]:
    """Where each part of the classes begins, and where the last one ends."""
    return [0, *(round(bound * classes) for bound in np.cumsum(fractions).tolist())]


def _unknown_class(name: str, names: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(str(name), names, 3) or names[:3]
    return f"There is no class {name!r}; there are {len(names)} others, such as {', '.join(map(repr, near))}."

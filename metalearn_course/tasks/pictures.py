"""Color pictures of the same things by six artists: emoji, drawn by people with styles of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .image_classes import ImageClasses
from .omniglot import SIZE

PICTURES = Path(__file__).parent / "pictures.npz"
ARTISTS = ("noto", "noto-v1", "twemoji", "fluent", "emojione", "openmoji")
HELD_OUT = {"test": 200, "validation": 100}  # classes, drawn at random; the others are for training


def pictures(artists: Sequence[str] = ARTISTS, gray: bool = False) -> ImageClasses:
    """Color pictures of 766 things, 32x32, one of each by every artist; they ship with the course.

    Things are split at random: 466 for training, 100 for validation, 200 for test. So the things of a test are new; to
    have new hands, too, train on some artists and test on others. Each artist's pictures have their own licence, see
    NOTICE.md.

    Args:
        artists: whose pictures to take, at least two of "noto", "noto-v1", "twemoji", "fluent", "emojione", "openmoji".
        gray: whether they are wanted as characters are: 28x28, without color, 0 where the paper is white and 1 where
            it would be black.

    Returns:
        `ImageClasses`, whose episodes hold x (tasks, n, 3, 32, 32) in [0, 1], or in gray (tasks, n, 1, 28, 28).
        `Episodes(..., within_alphabet=True)` draws within a kind ("Food & Drink"), where things are more alike.

    Raises:
        ValueError: for an artist that is unknown or named twice, and for fewer than two.
    """
    chosen = [artists] if isinstance(artists, str) else list(artists)
    if unknown := [name for name in chosen if name not in ARTISTS]:
        raise ValueError(f"There is no artist {unknown[0]!r}; choose from {', '.join(map(repr, ARTISTS))}.")
    if len(set(chosen)) < max(2, len(chosen)):
        raise ValueError(
            f"artists={chosen}; expected at least 2 different ones: one picture to learn from, one to be asked about."
        )
    with np.load(PICTURES, allow_pickle=False) as file:
        images = file["images"][:, [ARTISTS.index(name) for name in chosen]]
        names, kinds = (file[key].tolist() for key in ("names", "kinds"))
    flat = torch.from_numpy(np.ascontiguousarray(images.reshape(-1, *images.shape[2:]).transpose(0, 3, 1, 2)))
    if gray:
        ink = 255 - flat.float().mean(1, keepdim=True)
        flat = F.interpolate(ink, size=(SIZE, SIZE), mode="area").round().to(torch.uint8)
    by = "six artists" if len(chosen) == len(ARTISTS) else ", ".join(chosen)
    counts = torch.full((len(names),), len(chosen))
    return ImageClasses(
        flat, counts, names, _splits(len(names)), f"{'gray ' if gray else ''}pictures by {by}", "things", kinds
    )


def _splits(classes: int) -> dict[str, torch.Tensor]:
    """Ids of the classes of each split, the same for every choice of artists."""
    order = torch.from_numpy(np.random.RandomState(0).permutation(classes).astype(np.int64))
    sizes = [classes - sum(HELD_OUT.values()), HELD_OUT["validation"], HELD_OUT["test"]]
    return {
        name: ids.sort().values for name, ids in zip(("train", "validation", "test"), order.split(sizes), strict=True)
    }

"""The check of exercise 3.1, split_classes."""

from collections import namedtuple
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Generator, Tensor

from metalearn_course.classroom.randomness import seeded

from ..kit import Answer, Case, Check, Mistake, drawn, expect_kind, looks

Image = namedtuple("Image", "part place owner angle example")
ANGLE = {0: 0, 2: 270, 6: 90, 8: 180}  # of an image whose ink came from place 0 to this one


def split_classes(images: Tensor, test_classes: int, generator: Generator) -> tuple[Tensor, Tensor]:
    order = torch.randperm(len(images), generator=generator)
    parts = images[order[test_classes:]], images[order[:test_classes]]
    train, test = (torch.cat([part.rot90(k, (2, 3)) for k in range(4)]) for part in parts)
    return train, test


def corners(classes: int, examples: int) -> Tensor:
    """Images that say what they are: one inked corner, of value 100 * (class + 1) + example."""
    images = torch.zeros(classes, examples, 3, 3)
    images[:, :, 0, 0] = 100.0 * torch.arange(1, classes + 1)[:, None] + torch.arange(examples)
    return images


def read(function: Answer, images: Tensor, test_classes: int, generator: Generator) -> list[Image]:
    """Every image of both parts, and where it is; its angle is None where it is none of those given."""
    made, found = function(images, test_classes, generator), []
    if not isinstance(made, tuple | list) or len(made) != 2:
        expect_kind(made, (images, images), f"the result of `{function.name}`")
    for name, part in zip(("train", "test"), made, strict=True):
        expect_kind(part, torch.zeros(part.shape if isinstance(part, Tensor) else 1), name)
        if part.ndim != 4 or part.shape[2:] != (3, 3) or 0 in part.shape:
            shape = f"{name} has shape {tuple(part.shape)}; expected (classes, examples, 3, 3), like images."
            raise Mistake("wrong_shape", shape)
        ink, corner = part.flatten(2).max(-1)
        for place, row in enumerate(zip(ink.int().tolist(), corner.tolist(), strict=True)):
            for v, at in zip(*row, strict=True):
                found.append(Image(name, place, v // 100 - 1, ANGLE.get(at) if v >= 100 else None, v % 100))
    return found


def unknown(got: list[Image]) -> Any:
    return next((image._asdict() for image in got if image.angle is None), None)


def drawn_on_both_sides(got: list[Image]) -> Any:
    train, test = ({(i.owner, i.angle): i.example for i in got if i.part == name} for name in ("train", "test"))
    both = sorted(train.keys() & test.keys())
    return both and {"class": both[0][0], "here": train[both[0]], "there": test[both[0]]}


def turned_on_both_sides(got: list[Image]) -> Any:
    train, test = ({i.owner: i.angle for i in got if i.part == name} for name in ("train", "test"))
    both = sorted(train.keys() & test.keys())
    return both and {"class": both[0], "here": train[both[0]], "there": test[both[0]]}


def mixed(got: list[Image]) -> Any:
    pairs = pairwise(sorted({image[:4] for image in got}))
    return next(({"part": a[0], "place": a[1], "one": a, "other": b} for a, b in pairs if a[:2] == b[:2]), None)


def counted(wrong: Callable[[Any], bool]) -> Callable[[list[Image]], Any]:
    """The part whose counts are wrong."""

    def test(got: list[Image]) -> Any:
        for name, classes in (("train", 4), ("test", 2)):
            part = [image for image in got if image.part == name]
            rows, different = len({i.place for i in part}), len({(i.owner, i.angle) for i in part})
            counts = {"rows": rows, "right": 4 * classes, "different": different, "drawings": len(part) // rows}
            if wrong(counts):
                return counts | {"part": name, "classes": classes, "upright": sorted({i.owner for i in part})}
        return None

    return test


SIX = Case(read, images=corners(classes=6, examples=3), test_classes=2, generator=seeded(0))

CHECK = Check(
    split_classes,
    looks(SIX, "wrong_value/unknown", unknown),
    looks(SIX, "splits_images", drawn_on_both_sides),
    looks(SIX, "rotates_first", turned_on_both_sides),
    looks(SIX, "mixes_angles", mixed),
    looks(SIX, "wrong_shape/classes", counted(lambda n: n["rows"] != n["right"])),
    looks(SIX, "wrong_value/twice", counted(lambda n: n["different"] < n["rows"])),
    looks(SIX, "wrong_shape/drawings", counted(lambda n: n["drawings"] != 3)),
    drawn(Case(read, images=corners(classes=12, examples=2), test_classes=5, generator=seeded(0))),
)

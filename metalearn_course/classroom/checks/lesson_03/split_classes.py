"""The check of exercise 3.1, split_classes."""

from collections import namedtuple
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Generator, Tensor

from metalearn_course.classroom.randomness import seeded

from ..at_random import Draw, at_random, looks_for
from ..kit import Answer, Case, Check, Mistake, drawn, expect_kind, looks
from .shared import corners

Image = namedtuple("Image", "part place owner angle example")
ANGLE = {(0, 1): 0, (2, 5): 270, (6, 3): 90, (8, 7): 180}  # of an image whose ink came from places 0 and 1 to these


def split_classes(images: Tensor, test_classes: int, generator: Generator) -> tuple[Tensor, Tensor]:
    order = torch.randperm(len(images), generator=generator)
    parts = images[order[test_classes:]], images[order[:test_classes]]
    train, test = (torch.cat([part.rot90(k, (2, 3)) for k in range(4)]) for part in parts)
    return train, test


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
        ink, places = part.flatten(2).topk(3)
        for place, row in enumerate(zip(ink.int().tolist(), places.tolist(), strict=True)):
            for (v, faint, blank), (*at, _) in zip(*row, strict=True):
                angle = ANGLE.get(tuple(at)) if v >= 100 and (faint, blank) == (50, 0) else None
                found.append(Image(name, place, v // 100 - 1, angle, v % 100))
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


def counted(wrong: Callable[[Any], bool]) -> Callable[..., Any]:
    """The part whose counts are wrong."""

    def test(got: list[Image], images: Tensor, test_classes: int) -> Any:
        for name, classes in (("train", len(images) - test_classes), ("test", test_classes)):
            part = [image for image in got if image.part == name]
            rows, different = len({i.place for i in part}), len({(i.owner, i.angle) for i in part})
            counts = {"rows": rows, "right": 4 * classes, "different": different, "drawings": len(part) // rows}
            if wrong(counts):
                more = {"of": len(images), "examples": images.shape[1], "upright": sorted({i.owner for i in part})}
                return counts | more | {"part": name, "classes": classes}
        return None

    return test


def always_tested(got: list[Image], **others: Any) -> Any:
    tested = {
        tuple(sorted({i.owner for i in read if i.part == "test"})) for read in (got, *(others[seed] for seed in SEEDS))
    }
    return len(tested) == 1 and {"tested": [*tested.pop()]}


def any_images(draw: Draw) -> Case:
    classes = draw.count(13, 16)
    return SIX.but(images=corners(classes, draw.count(1, 4)), test_classes=classes - 4, generator=draw.generator)


OF_SIX: dict[str, Callable[..., Any]] = {
    "wrong_value/unknown": unknown,
    "splits_images": drawn_on_both_sides,
    "rotates_first": turned_on_both_sides,
    "mixes_angles": mixed,
    "wrong_shape/classes": counted(lambda n: n["rows"] != n["right"]),
    "wrong_value/twice": counted(lambda n: n["different"] < n["rows"]),
}
TWELVE = Case(read, images=corners(classes=12, examples=2), test_classes=5, generator=seeded(0))
SEEDS: dict[str, Any] = {f"seed_{seed}": TWELVE.but(generator=seeded(seed)) for seed in (1, 2, 3)}
SIX = Case(read, images=corners(classes=6, examples=3), test_classes=2, generator=seeded(0))

CHECK = Check(
    split_classes,
    *(looks(SIX, key, test) for key, test in OF_SIX.items()),
    looks(SIX, "wrong_shape/drawings", counted(lambda n: n["drawings"] != 3)),
    drawn(TWELVE),
    looks(TWELVE, "ignores_generator/classes", always_tested, **SEEDS),
    at_random(any_images, *(looks_for(key, test) for key, test in OF_SIX.items())),
)

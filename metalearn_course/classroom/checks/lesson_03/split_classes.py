"""The check of exercise 3.1, split_classes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_kind
from metalearn_course.classroom.randomness import expect_drawn, seeded


@exercise(
    lesson="03",
    number=1,
    title="split the classes",
    minutes=8,
    difficulty=2,
    mistakes=("splits_images", "rotates_first", "mixes_angles", "ignores_generator"),
    hints=(
        "A model is trained on your first part and tested on your second. Is there a character in the second whose "
        "strokes, upright or turned, it has seen?",
        "Two things happen, and their order matters: the classes are divided at random, and each part grows by the "
        "turned copies of its own classes.",
        "`order = torch.randperm(len(images), generator=generator)` decides who goes where; then, for either part, "
        "`torch.cat([part.rot90(k, (2, 3)) for k in range(4)])`.",
    ),
)
def split_classes(answer: Answer) -> str:
    images = _corners(classes=6, examples=3)
    parts = answer(images, 2, seeded(0))
    train, test = (
        _read_corners(part, name) for part, name in zip(_two(parts, answer.name), ("train", "test"), strict=True)
    )
    _expect_separate(train, test)
    for name, part, rows, classes in (("train", parts[0], train, 4), ("test", parts[1], test, 2)):
        _expect_one_angle(name, rows)
        upright = sorted({klass for row in rows for klass, _, _ in row})
        wanted = f"expected {4 * classes}: {classes} of the 6 classes, each at 0, 90, 180 and 270 degrees"
        if len(rows) != 4 * classes:
            raise Mistake("wrong_shape", f"{name} has {len(rows)} classes, made from {upright}; {wanted}.")
        once = {(row[0][0], row[0][2]) for row in rows}
        if len(once) < len(rows):
            raise Mistake(
                "wrong_value", f"{name} holds only {len(once)} different classes among its {len(rows)}; {wanted}."
            )
        expect_kind(part, images.new_zeros(4 * classes, *images.shape[1:]), name)
    expect_drawn(lambda generator: answer(_corners(classes=12, examples=2), 5, generator), answer.name)
    return "no character of the test part, upright or turned, was in training."


def _corners(classes: int, examples: int) -> Tensor:
    """Images that say what they are: one inked corner, of value 100 * (class + 1) + example."""
    images = torch.zeros(classes, examples, 3, 3)
    images[:, :, 0, 0] = 100.0 * torch.arange(1, classes + 1)[:, None] + torch.arange(examples)
    return images


def _two(parts: Any, name: str) -> Any:
    if not isinstance(parts, tuple | list) or len(parts) != 2:
        expect_kind(parts, (torch.zeros(1), torch.zeros(1)), f"the result of `{name}`")
    return parts


def _read_corners(part: Any, name: str) -> list[list[tuple[int, int, int]]]:
    """(class, example, angle) of every image of a part, a row a class."""
    expect_kind(part, torch.zeros(part.shape) if isinstance(part, Tensor) else torch.zeros(1), name)
    if part.ndim != 4 or part.shape[2:] != (3, 3) or 0 in part.shape:
        raise Mistake(
            "wrong_shape", f"{name} has shape {tuple(part.shape)}; expected (classes, examples, 3, 3), like images."
        )
    ink, corner = part.flatten(2).max(-1)
    angles = {0: 0, 2: 270, 6: 90, 8: 180}
    if not set(corner.flatten().tolist()) <= angles.keys() or (ink < 100).any():
        raise Mistake("wrong_value", f"{name} holds images that are none of those given, upright or turned.")
    return [
        [(int(v) // 100 - 1, int(v) % 100, angles[c]) for v, c in zip(*row, strict=True)]
        for row in zip(ink.tolist(), corner.tolist(), strict=True)
    ]


def _expect_separate(train: list[list[tuple[int, int, int]]], test: list[list[tuple[int, int, int]]]) -> None:
    here = {(klass, angle): example for row in train for klass, example, angle in row}
    there = {(klass, angle): example for row in test for klass, example, angle in row}
    for klass, angle in sorted(here.keys() & there.keys()):
        raise Mistake(
            "splits_images",
            f"Class {klass} is on both sides: its drawing {here[klass, angle]} in train, its drawing "
            f"{there[klass, angle]} in test. A model trained on it meets an old acquaintance in the test. Divide the "
            "classes, each with all its drawings.",
        )
    angle_in_train = {klass: angle for klass, angle in sorted(here, reverse=True)}
    for klass, angle in sorted(there):
        if klass in angle_in_train:
            raise Mistake(
                "rotates_first",
                f"Class {klass} turned by {angle_in_train[klass]} degrees is in train, turned by {angle} degrees in "
                "test: the same strokes on both sides. A character belongs to one side, with all four of its angles.",
            )


def _expect_one_angle(name: str, rows: list[list[tuple[int, int, int]]]) -> None:
    for place, row in enumerate(rows):
        found = sorted({(klass, angle) for klass, _, angle in row})
        if len(found) > 1:
            (one, turned), (other, again) = found[:2]
            raise Mistake(
                "mixes_angles",
                f"{name}[{place}] holds drawings of class {one} at {turned} degrees and of class {other} at {again}. "
                "A turned character counts as a class of its own: all its drawings turned by one angle, and none at "
                "another.",
            )

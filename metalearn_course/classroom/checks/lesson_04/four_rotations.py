"""The check of exercise 4.5, four_rotations."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..at_random import at_random
from ..kit import Answer, Case, Check, equals, expect_kind, fails, looks, near

Turn = Callable[[Tensor], Tensor]
IMAGE = torch.arange(1.0, 10.0).reshape(1, 3, 3)


def turn(k: int) -> Turn:
    return lambda image: image.rot90(k, (1, 2))


def four_rotations() -> list[Turn]:
    return [turn(k) for k in range(4)]


def turned(function: Answer, image: Tensor = IMAGE) -> tuple[list[Tensor], list[Tensor]]:
    """What the four functions make of an image, called in order, and once more, from the last to the first."""
    made = function()
    like = tuple(four_rotations()) if isinstance(made, tuple) else four_rotations()
    expect_kind(made, like, f"the result of `{function.name}` (four functions)")
    first, again = ([Answer(turn)(image.clone()) for turn in turns] for turns in (made, made[::-1]))
    for k, one in enumerate(first + again[::-1]):
        expect_kind(one, image, f"An image turned by function {k % 4}")
    return first, again[::-1]


def degrees(images: list[Tensor]) -> list[int | None]:
    """How far each of the images was turned, counterclockwise; None where it is not the image."""
    return [next((90 * k for k in range(4) if near(one, IMAGE.rot90(k, (1, 2)))), None) for one in images]


def all_alike(got: Any) -> Any:
    angles = degrees(got[0])
    return angles[0] is not None and len({*angles}) == 1 and {"angle": angles[0]}


TURNED = Case(turned)

CHECK = Check(
    four_rotations,
    fails(TURNED, "wrong_plane", "wrong_shape", match=r"shape \(\d, \d, \d\)"),
    looks(TURNED, "late_binding", all_alike),
    looks(
        TURNED,
        "remembers_calls",
        lambda got: not near(*got) and {"first": degrees(got[0]), "again": degrees(got[1])},
    ),
    looks(TURNED, "clockwise", lambda got: degrees(got[0]) == [0, 270, 180, 90]),
    equals(TURNED, "[[1, 2, 3], [4, 5, 6], [7, 8, 9]], turned by function ", of=lambda turned: turned[0]),
    at_random(lambda draw: Case(turned, image=draw.normal(1, 4, 4)), what="an image of 4 x 4, turned"),
)

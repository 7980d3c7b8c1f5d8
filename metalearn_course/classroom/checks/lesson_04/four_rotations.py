"""The check of exercise 4.5, four_rotations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, expect_kind, near, show


@exercise(
    lesson="04",
    number=5,
    title="repair the rotations",
    minutes=4,
    difficulty=2,
    mistakes=("late_binding", "wrong_plane", "remembers_calls", "clockwise"),
    hints=(
        "The functions are made in the loop and called after it. What is `k` then?",
        "A function looks its outer names up when it is called, not when it is made. Hand over the number at once: as "
        "a default of an argument, by `functools.partial`, or through a function that makes functions.",
        "`lambda image, k=k: image.rot90(k, (1, 2))`: a default is worked out when the function is made.",
    ),
)
def four_rotations(answer: Answer) -> str:
    made = answer()
    expect_kind(
        made,
        (_degrees,) * 4 if isinstance(made, tuple) else [_degrees] * 4,
        f"the result of `{answer.name}` (four functions)",
    )
    image = torch.arange(1.0, 10.0).reshape(1, 3, 3)

    def turned(function: Callable[[], Sequence[Callable[[Tensor], Tensor]]]) -> list[list[Tensor]]:
        turns, given = function(), [image.clone() for _ in range(8)]
        forth = [turn(one) for turn, one in zip(turns, given[:4], strict=True)]
        back = [turn(one) for turn, one in zip(reversed(turns), given[4:], strict=True)]
        return [forth, back[::-1], given]

    first, again, given = answer.within(turned)
    if not near(given, [image] * 8):
        raise Mistake(
            "changes_inputs", "A function changes the image that it is given. Make a new one, as `rot90` does."
        )
    for k, one in enumerate(first):
        if isinstance(one, Tensor) and one.ndim == 3 and one.shape != image.shape:
            raise Mistake(
                "wrong_plane",
                f"Function {k} turns an image of shape (1, 3, 3) into one of shape {tuple(one.shape)}: the channel was "
                "turned as well. Height and width are dimensions 1 and 2.",
                "wrong_shape",
            )
        expect_kind(one, image, f"what function {k} returns")
    degrees = [_degrees(one, image) for one in first]
    if degrees[0] is not None and len({*degrees}) == 1:
        raise Mistake(
            "late_binding",
            f"All four functions turn an image by {degrees[0]} degrees. They look `k` up when they are called, and "
            "the loop has ended by then, with its last value. Give each function its own number when it is made.",
        )
    if not near(first, again):
        raise Mistake(
            "remembers_calls",
            f"Called in order, the functions turn by {show(degrees)} degrees; called once more, from the last to the "
            f"first, they turn by {show([_degrees(one, image) for one in again])}. What one does depends on who was "
            "called before: give each its own number when it is made.",
        )
    if degrees == [0, 270, 180, 90]:
        raise Mistake(
            "clockwise",
            "Function 1 turns an image by a quarter clockwise, and function 3 by three. Counterclockwise is asked for: "
            "`image.rot90(k, (1, 2))` with a positive `k`, and the dimensions in this order.",
        )
    for k, (one, angle) in enumerate(zip(first, degrees, strict=True)):
        found = "none of the four angles" if angle is None else f"{angle} degrees"
        expect_close(
            one, image.rot90(k, (1, 2)), f"function {k} turns {image[0].int().tolist()} by {found}, not {90 * k}"
        )
    return "four functions, four angles."


def _degrees(one: Tensor, image: Tensor) -> int | None:
    """How far an image was turned, counterclockwise; None where it is not the image."""
    return next((90 * k for k in range(4) if near(one, image.rot90(k, (1, 2)))), None)

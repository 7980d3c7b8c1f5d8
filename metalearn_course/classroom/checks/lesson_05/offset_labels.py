"""The check of exercise 5.1, offset_labels."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, tensor, zeros

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, instead_of, near, show


@exercise(
    lesson="05",
    number=1,
    title="the label comes late",
    minutes=8,
    difficulty=1,
    mistakes=(
        "label_beside_its_image",
        "wraps_around",
        "looks_ahead",
        "starts_with_label_zero",
        "shifts_classes",
        "ways_from_labels",
    ),
    hints=(
        "At step 0 nothing has been answered yet. Which labels have been told when step 3 is asked?",
        "Make the labels one-hot first, then move the rows down by one: a row of zeros comes in at the top, and the "
        "last label goes unused.",
        "`shown = F.one_hot(y, ways).float()`, then `torch.cat([torch.zeros(1, ways), shown[:-1]])`.",
    ),
)
def offset_labels(answer: Answer) -> str:
    y, ways = tensor([2, 0, 1, 1, 0, 2]), 3
    got = answer(y, ways, like=zeros(6, 3))
    _expect_shifted_in_time(got, y, ways)
    turned = [_turned(y, step, ways) for step in range(len(y))]
    rows = [answer(other, ways, like=zeros(6, 3)) for other in turned]

    def depends(row: int, step: int) -> str | None:
        """What happens to a row when the label of one step is another."""
        if near(rows[step][row], got[row]):
            return None
        return (
            f"When the label of step {step} turns from {y[step]} into {turned[step][step]}, your row {row} turns from "
            f"{show(got[row])} into {show(rows[step][row])}"
        )

    for t in (*range(1, len(y)), 0):
        if seen := depends(t, t):
            raise Mistake(
                "label_beside_its_image",
                f"{seen}: the answer stands beside the question. A reader copies it, is right every time and never "
                f"learns to look at an image. Step {t} may see the label of step {t - 1}, not its own."
                if t
                else f"{seen}: the answer stands beside the question. Step 0 may see no label at all: a row of zeros.",
            )
    for t in range(len(y) - 1):
        if seen := depends(t, t + 1):
            raise Mistake(
                "looks_ahead",
                f"{seen}: step {t} is told about the step after it, which has not been asked yet. Labels move down, to "
                "later rows.",
            )
    if seen := depends(0, len(y) - 1):
        raise Mistake(
            "wraps_around",
            f"{seen}: the last label came round to the first step. Nothing was answered before step 0, so its row is "
            "zeros, and nobody needs the last label.",
        )
    if not near(got[0], zeros(ways)):
        raise Mistake(
            "starts_with_label_zero",
            f"Row 0 is {show(got[0])}, whatever the labels are: that tells the reader that class "
            f"{int(got[0].argmax())} was just seen. Before the first step nothing was: zeros, which is no class.",
        )
    expect_close(got, _labels_before(y, ways), f"the labels before, for y = {show(y)} with 3 ways")
    _expect_all_ways(answer)
    expect_close(answer(tensor([1]), 2, like=zeros(1, 2)), zeros(1, 2), "the labels before, for a single step")
    return "a reader is told each label one step too late to copy it."


def _labels_before(y: Tensor, ways: int) -> Tensor:
    return F.pad(F.one_hot(y, ways).float(), (0, 0, 1, 0))[:-1]


def _turned(y: Tensor, step: int, ways: int) -> Tensor:
    """The same labels, but for one step."""
    other = y.clone()
    other[step] = (other[step] + 1) % ways
    return other


def _expect_shifted_in_time(got: Tensor, y: Tensor, ways: int) -> None:
    for by in (1, -1):
        moved = [(t, label + by) for t, label in enumerate(y.tolist()) if 0 <= label + by < ways]
        if all(got[t, column] > 0 for t, column in moved):
            t, column = moved[0]
            raise Mistake(
                "shifts_classes",
                f"Row {t} is {show(got[t])}, and the label of step {t} is {y[t]}: you moved the columns, which are "
                f"classes, and turned class {column - by} into class {column}. Move the rows, which are steps.",
            )


def _expect_all_ways(answer: Answer) -> None:
    y, ways = tensor([1, 0, 1]), 4
    message = (
        f"The labels {show(y)} can come up in a 4-way episode, and each row needs its 4 places then; yours follow the "
        f"labels that happen to be there. The reader's weights have one size: use `ways`."
    )
    with (
        instead_of("raised", "ways_from_labels", message),
        instead_of("wrong_shape", "ways_from_labels", message),
    ):
        got = answer(y, ways, like=zeros(3, 4))
    expect_close(got, _labels_before(y, ways), f"the labels before, for y = {show(y)} with 4 ways")

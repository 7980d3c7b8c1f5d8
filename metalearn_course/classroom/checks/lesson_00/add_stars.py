"""The check of exercise 0.1, add_stars."""

from __future__ import annotations

from torch import Tensor, tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, expect_kind, show


@exercise(
    lesson="00",
    number=1,
    title="add stars",
    minutes=3,
    difficulty=1,
    mistakes=("joins", "adds_up_everything", "adds_in_place"),
    hints=(
        "If the first star is 0.1 and its step is 0.02, what should come back in its place?",
        "PyTorch adds two tensors of the same shape number by number, into a new tensor. No loop is needed.",
        "`return first + second`",
    ),
)
def add_stars(answer: Answer) -> str:
    first, second = tensor([1.0, 2.0]), tensor([10.0, 20.0])
    try:
        got = answer(first, second)
    except Mistake as mistake:
        if mistake.name != "changes_inputs":
            raise
        message = f"{mistake.message} `first + second` does; `first += second` writes into the old one."
        raise Mistake("adds_in_place", message, mistake.name) from None
    numbers = got.tolist() if isinstance(got, Tensor) else got
    if numbers == [1.0, 2.0, 10.0, 20.0]:
        raise Mistake(
            "joins",
            f"{show(first)} and {show(second)} gave {show(numbers)}: put end to end, two stars became four. "
            "Add them star by star: two stars come back.",
        )
    if numbers == 33.0:
        raise Mistake(
            "adds_up_everything",
            f"{show(first)} and {show(second)} gave the single number 33. Each star keeps its own sum: "
            "the result has as many numbers as `first`.",
        )
    expect_kind(got, first, "the result of `add_stars`")
    expect_close(got, tensor([11.0, 22.0]), f"the stars {show(first)} and {show(second)}")
    three = answer(tensor([0.5, 0.0, -1.0]), tensor([0.25, 0.0, 1.0]), like=tensor([0.0, 0.0, 0.0]))
    expect_close(three, tensor([0.75, 0.0, 0.0]), "the stars [0.5, 0.0, -1.0] and [0.25, 0.0, 1.0]")
    return "that is how every exercise goes: write, run, check."

"""Lesson 05's tables: a memory worked through by hand, and which part of a trained one holds a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..studies.memories import ReadShares, memory_steps
from ..studies.traced_label import CHANGED, EMPTY, TOLD, TracedLabel
from .tables import Table


def memory_by_hand(keys: Mapping[str, Sequence[float]], slots: int = 2, scale: float = 8.0) -> Table:
    """A memory's steps with given keys and a shut gate: a row a step, with all weights, the slots and their usage.

    keys: a key for each sign, in the order in which they come.
    """
    rows = [
        [
            f"{t}: {name}", _numbers(key), _numbers(step.read), str(step.least_used), _numbers(step.write),
            "  ".join(_numbers(slot) for slot in step.slots), _numbers(step.usage),
        ]
        for t, ((name, key), step) in enumerate(
            zip(keys.items(), memory_steps(torch.tensor(list(keys.values())), slots, scale), strict=True)
        )
    ]  # fmt: skip
    return Table(
        ["step", "key", "read weights", "least used slot", "write weights", "slots after", "usage after"], rows
    )


ROWS = {
    (TOLD, TOLD): "whole, told y",
    (CHANGED, CHANGED): "whole, told y′",
    (TOLD, CHANGED): "mixed",
    (TOLD, EMPTY): "no memory",
    (EMPTY, TOLD): "no controller state",
}


def traced_label(traced: TracedLabel) -> Table:
    """A row for each pair of `ROWS`: what is answered when a sign comes back, and how well "y" tells the first sign."""
    header = [
        "network", "controller was told", "memory was told", "first sign: says y", "first sign: says y′",
        "another sign: says y", "says y: first − another",
    ]  # fmt: skip
    answers = {pair: traced.answers[pair] for pair in ROWS if pair in traced.answers}
    rows = [
        [ROWS[pair], *pair, *(f"{value:.2f}" for value in [*share[:3], share.y - share.y_for_another])]
        for pair, share in answers.items()
    ]
    return Table(
        header, rows, [f"Shares of answers: the first sign came back {traced.back} times, another {traced.another}."]
    )


def reads_table(shares: ReadShares) -> Table:
    """Where the reads go when a class comes back, beside a written slot at random."""
    header = ["the slot that is read most was written by", "share", "a written slot at random"]
    rows = [
        ["an image of the same class", f"{shares.own:.2f}", f"{shares.chance:.2f}"],
        ["an image of another class", f"{shares.other:.2f}", f"{1 - shares.chance:.2f}"],
        ["nobody yet", f"{shares.empty:.2f}", "0.00"],
    ]
    return Table(header, rows)


def _numbers(values: Sequence[float] | Tensor) -> str:
    return "(" + ", ".join(f"{float(value):.2f}" for value in values) + ")"

"""Lesson 05's tables: a memory worked through by hand, and which part of a trained one holds a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..studies.memories import ReadShares, memory_steps
from ..studies.traced_label import TracedLabel
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


def traced_label(traced: TracedLabel) -> Table:
    """A row for each pair of a controller and a memory: what it answers when a sign comes back."""
    header = ["controller was told", "memory was told", "first sign: y", "y′", "another sign: y", "y′"]
    rows = [[*pair, *(f"{share:.2f}" for share in answers)] for pair, answers in traced.answers.items()]
    return Table(
        header,
        rows,
        [f"Shares of answers, when the first sign came back ({traced.back}) or another did ({traced.another})."],
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

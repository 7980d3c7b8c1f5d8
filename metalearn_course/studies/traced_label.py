"""Which part of a memory-augmented network holds a label: lesson 05 changes one, and looks who answers by it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .._common.arguments import whole
from ..evaluation.predictions import in_mode
from ..meta_learners import MemoryAugmented
from ..meta_learners.memory_augmented import Memory
from ..tasks.check import draw
from ..tasks.task import Task, TaskDistribution

EMPTY, TOLD, CHANGED = "empty", "y", "y′"
PAIRS = (
    (TOLD, TOLD),
    (CHANGED, CHANGED),
    (TOLD, CHANGED),
    (CHANGED, TOLD),
    (TOLD, EMPTY),
    (EMPTY, TOLD),
)


class Answers(NamedTuple):
    """Shares of answers: y and y′ when the first sign comes back, and the same when another sign does."""

    y: float
    changed: float
    y_for_another: float
    changed_for_another: float


class TracedLabel(NamedTuple):
    """What is answered by each pair (what the controller was told, what the memory was told), and over how many steps.

    back: how many times the first sign came back. another: how many times another one did.
    """

    answers: dict[tuple[str, str], Answers]
    back: int
    another: int


def trace_label(
    reader: MemoryAugmented, tasks: TaskDistribution, *, episodes: int = 2000, seed: int = 1
) -> TracedLabel:
    """Change the first label of a sequence, and see whether controller or memory answers by it.

    The first sign's label y is told at step 1. A second reading of the same sequence is told y′ there, the label of the
    class that comes last. At later steps the controller of one reading (h and c) is put beside the memory of another
    (slots, usage and last read); "empty" is a part as it was before the first step. Two kinds of steps are looked at,
    from step 2 on, before the class of y′ comes, and not after the first sign's return: that return, and steps with
    another sign that came once before. The second kind is the control: who answers y to every sign knows no sign.

    Args:
        reader: who reads.
        tasks: where the sequences come from.
        episodes: how many are drawn.
        seed: of the sequences.

    Returns:
        A `TracedLabel`.

    Raises:
        ValueError: if one of the two kinds of steps does not come.
    """
    batch = draw(tasks, whole("episodes", episodes), torch.Generator().manual_seed(seed))

    def of_one(task: Task) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, y = sequence = reader.sequence(task)
        came = y == torch.arange(reader.outputs)[:, None]  # (classes, T)
        first = torch.where(came.any(-1), came.float().argmax(-1), len(y))
        last = first.argmax()
        told = reader.labels_before(sequence)
        otherwise = torch.cat([told[:1], (torch.arange(reader.outputs) == last).to(told)[None], told[2:]])
        states, answers = {TOLD: reader.start(), CHANGED: reader.start()}, []
        for t in range(len(y)):
            parts = {**states, EMPTY: reader.start()}
            mixed = [_mixed(parts[controller], parts[memory]) for controller, memory in PAIRS]
            answers.append(torch.stack([reader.step(state, x[t], told[t])[1].argmax(-1) for state in mixed]))
            given = {TOLD: told[t], CHANGED: otherwise[t]}
            states = {name: reader.step(state, x[t], given[name])[0] for name, state in states.items()}
        return torch.stack(answers), y, last, first[last]

    with in_mode(reader), torch.no_grad():
        answers, y, last, comes = reader.over_tasks(of_one, batch)  # answers (episodes, T, pairs)
    steps, is_first = torch.arange(y.shape[1]), y == y[:, :1]
    looked_at = (steps >= 2) & (steps < comes[:, None]) & (is_first.cumsum(1) - is_first.int() == 1)
    once_before = (y[:, :, None] == y[:, None, :]).tril(-1).sum(-1) == 1
    back, another = looked_at & is_first, looked_at & ~is_first & once_before
    if not back.any() or not another.any():
        raise ValueError(f"In {episodes} sequences the first sign, or another, never comes back before a last class.")
    told_first, told_last = y[:, :1].expand_as(y), last[:, None].expand_as(y)
    shares = [
        (answers[kind][:, i] == label[kind]).float().mean().item()
        for i in range(len(PAIRS))
        for kind in (back, another)
        for label in (told_first, told_last)
    ]
    rows = {pair: Answers(*shares[4 * i : 4 * i + 4]) for i, pair in enumerate(PAIRS)}
    return TracedLabel(rows, int(back.sum()), int(another.sum()))


def _mixed(controller: Memory, memory: Memory) -> Memory:
    return Memory(memory.slots, memory.usage, memory.read, controller.h, controller.c)

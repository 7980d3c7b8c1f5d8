"""What lesson 05's picture is made of: what a memory writes and reads, slot by slot, step by step."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .._common.arguments import whole
from ..evaluation.predictions import in_mode
from ..meta_learners import MemoryAugmented
from ..meta_learners.memory_augmented import read_weights, write_memory
from ..tasks.check import draw
from ..tasks.task import Examples, Task, TaskDistribution


def memory_frames(reader: MemoryAugmented, task: Task) -> dict[str, Any]:
    """What the memory did along one task's sequence, ready for JSON. The task's x are raw images or features.

    reads, writes: (T, slots) weights. labels, answers: (T,). right: whether each answer is. seen: how often the class
    came before. slot: for each step the slot that is read most. written: the last step before it that wrote most of
    itself there, or None.
    """
    with torch.no_grad():
        x = torch.cat([task.support.x, task.query.x])
        sequence = reader.sequence(task)
        embedded = Examples(reader.embed(x)[: len(sequence.y)], sequence.y)
        trace = reader.read_in_full(embedded.x, embedded.y)
    labels, answers = sequence.y, trace.logits.argmax(-1)
    seen = (labels[:, None] == labels).tril(-1).sum(-1)
    slots = trace.reads.argmax(-1).tolist()
    target = trace.writes.argmax(-1).tolist()
    written = [next((s for s in range(t - 1, -1, -1) if target[s] == slots[t]), None) for t in range(len(slots))]
    return {
        "reads": [[round(v, 4) for v in row] for row in trace.reads.tolist()],
        "writes": [[round(v, 4) for v in row] for row in trace.writes.tolist()],
        "labels": labels.tolist(),
        "answers": answers.tolist(),
        "right": (answers == labels).tolist(),
        "seen": seen.tolist(),
        "slot": slots,
        "written": written,
    }


class MemoryStep(NamedTuple):
    """One step of a memory: weights read and written (slots,), the slot that was least used before, and what is after.

    slots: (slots, width). usage: (slots,).
    """

    read: Tensor
    least_used: int
    write: Tensor
    slots: Tensor
    usage: Tensor


def memory_steps(
    keys: Tensor, slots: int = 2, scale: float = 8.0, gate: float = 0.0, decay: float = 0.99
) -> list[MemoryStep]:
    """What a memory does with given keys, from empty: read, write, count the use (Santoro et al., 2016, section 3).

    Args:
        keys: (T, width), one for each step.
        slots: rows of the memory.
        scale: a factor on the cosines.
        gate: between 0, write to the least used slot, and 1, to those read one step before.
        decay: how much of the usage is kept at a step.

    Returns:
        A `MemoryStep` for each key.
    """
    memory, usage, read, steps = keys.new_zeros(slots, keys.shape[-1]), keys.new_zeros(slots), keys.new_zeros(slots), []
    for key in keys:
        read_before, least_used = read, int(usage.argmin())
        read = read_weights(memory, key, scale)
        memory, write = write_memory(memory, usage, read_before, key, keys.new_full((1,), gate))
        usage = decay * usage + read + write
        steps.append(MemoryStep(read, least_used, write, memory, usage))
    return steps


class ReadShares(NamedTuple):
    """Who wrote the slot that is read most, as shares of all steps whose class has come before.

    own: a step of the same class. other: a step of another class. empty: none. chance: what `own` would be if
    one of the written slots were read at random.
    """

    own: float
    other: float
    empty: float
    chance: float


def read_shares(reader: MemoryAugmented, tasks: TaskDistribution, *, episodes: int = 600, seed: int = 1) -> ReadShares:
    """Where a memory's reads go when a class comes back, over many sequences.

    Args:
        reader: whose memory it is.
        tasks: where the sequences come from.
        episodes: how many.
        seed: of the sequences.

    Returns:
        The `ReadShares`.
    """
    batch = draw(tasks, whole("episodes", episodes), torch.Generator().manual_seed(seed))

    def of_one(task: Task) -> tuple[Tensor, Tensor, Tensor]:
        sequence = reader.sequence(task)
        trace = reader.read_in_full(*sequence)
        return trace.reads.argmax(-1), trace.writes.argmax(-1), sequence.y

    with in_mode(reader), torch.no_grad():
        read, written, y = reader.over_tasks(of_one, batch)
    steps = torch.arange(1, y.shape[1] + 1)
    same_class = (y[:, :, None] == y[:, None, :]).tril(-1)
    here = (read[:, :, None] == written[:, None, :]).tril(-1)  # step s wrote to the slot that step t reads
    last = F.one_hot((here * steps).argmax(-1), y.shape[1]).bool() & here.any(-1, keepdim=True)
    back = same_class.any(-1)
    own, empty = ((last & same_class).any(-1)[back]).float().mean().item(), (~here.any(-1))[back].float().mean().item()
    chance = (same_class.sum(-1) / (steps - 1).clamp(min=1))[back].mean().item()
    return ReadShares(own, 1 - own - empty, empty, chance)

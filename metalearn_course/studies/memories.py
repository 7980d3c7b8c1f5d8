"""What lesson 05's picture is made of: what a memory writes and reads, slot by slot, step by step."""

from __future__ import annotations

from typing import Any

import torch

from ..meta_learners import MemoryAugmented
from ..tasks.task import Examples, Task


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

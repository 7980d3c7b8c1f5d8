"""What a memory did against its trace."""

from __future__ import annotations

import torch

from metalearn_course.studies.memories import memory_frames
from tests.helpers.pictured import rememberer


def test_memory_frames_follow_the_trace() -> None:
    reader, task = rememberer()
    frames, sequence = memory_frames(reader, task), reader.sequence(task)
    with torch.no_grad():
        trace = reader.read_in_full(sequence.x, sequence.y)
    assert torch.allclose(torch.tensor(frames["reads"]), trace.reads, atol=1e-4)
    assert torch.allclose(torch.tensor(frames["writes"]), trace.writes, atol=1e-4)
    assert frames["labels"] == [0, 0, 1, 1, 2, 2, *[0] * 4, *[1] * 4, 2]
    assert frames["seen"] == [0, 1, 0, 1, 0, 1, 2, 3, 4, 5, 2, 3, 4, 5, 2]
    assert frames["slot"] == trace.reads.argmax(-1).tolist()
    written = trace.writes.argmax(-1).tolist()
    for t, (slot, step) in enumerate(zip(frames["slot"], frames["written"], strict=True)):
        assert (
            slot not in written[:t] if step is None else written[:t][step:].count(slot) == 1 and written[step] == slot
        )

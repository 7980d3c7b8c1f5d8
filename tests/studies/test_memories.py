"""What a memory did against its trace."""

from __future__ import annotations

import math

import torch

from metalearn_course.meta_learners import MemoryAugmented
from metalearn_course.studies.memories import memory_frames, memory_steps, read_shares
from metalearn_course.tasks.point_clouds import PointClouds
from metalearn_course.tasks.task import one_task
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


def test_memory_steps_by_hand() -> None:
    """Two slots, three keys: cosines 0.9 / sqrt(0.9) and 0.3 / sqrt(0.9) at the third, the rest by arithmetic."""
    steps = memory_steps(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.9, 0.3]]))
    assert [step.least_used for step in steps] == [0, 1, 0]
    assert torch.allclose(steps[0].read, torch.tensor([0.5, 0.5]))
    assert torch.allclose(steps[1].usage, torch.tensor([0.99 * 1.5 + 0.5, 0.99 * 0.5 + 1.5]))
    first = 1 / (1 + math.exp(8 * (0.3 - 0.9) / math.sqrt(0.9)))
    assert torch.allclose(steps[2].read, torch.tensor([first, 1 - first]))
    assert torch.allclose(steps[2].slots, torch.tensor([[0.9, 0.3], [0.0, 1.0]]))


def test_an_open_gate_writes_where_was_read_one_step_before() -> None:
    steps = memory_steps(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), gate=1.0)
    assert torch.equal(steps[2].write, steps[1].read)


def test_read_shares_are_those_of_the_frames_one_by_one() -> None:
    torch.manual_seed(0)
    reader, tasks = MemoryAugmented(4, 3, slots=6, width=4, hidden=8), PointClouds()
    found = {"own": 0, "other": 0, "empty": 0, "steps": 0, "chance": 0.0}
    batch = tasks.sample(5, torch.Generator().manual_seed(3))
    for i in range(5):
        frames = memory_frames(reader, one_task(batch, i))
        for t, (label, seen, step) in enumerate(zip(frames["labels"], frames["seen"], frames["written"], strict=True)):
            if seen:
                kind = "empty" if step is None else "own" if frames["labels"][step] == label else "other"
                found[kind] += 1
                found["steps"] += 1
                found["chance"] += frames["labels"][:t].count(label) / t
    shares = read_shares(reader, tasks, episodes=5, seed=3)
    expected = [found[kind] / found["steps"] for kind in ("own", "other", "empty", "chance")]
    assert torch.allclose(torch.tensor(shares), torch.tensor(expected), atol=1e-6)

"""Lesson 05: a memory at work; a step lights the slot that it reads, and the step that wrote there."""

from __future__ import annotations

from typing import Any

import torch
import traitlets

from ..figures import Picture, memory, memory_frames
from ..meta_learners import MemoryAugmented
from ..tasks.task import Task
from .touchable import Labeled, data_uri, script


class Memory(Labeled):
    """Click on a step, or move there with the arrow keys: the slot it reads lights up, and who wrote there before.

    task: one few-shot task of images; `reader` has an embedding that takes them.
    """

    _esm = script("memory.js")

    frames = traitlets.Dict().tag(sync=True)
    images: traitlets.List[Any] = traitlets.List().tag(sync=True)
    at = traitlets.Int(0).tag(sync=True)

    def __init__(self, reader: MemoryAugmented, task: Task) -> None:
        frames = memory_frames(reader, task)
        self._images = torch.cat([task.support.x, task.query.x])[: len(frames["labels"])]
        seen_before = [t for t, seen in enumerate(frames["seen"]) if seen]
        super().__init__(
            frames=frames,
            images=[data_uri(image) for image in self._images],
            at=seen_before[0] if seen_before else 0,
        )

    def picture(self) -> Picture:
        """Every step with the slot it reads."""
        return memory(self.frames, self._images)

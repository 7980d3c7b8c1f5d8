"""Lesson 04: five classes never trained on, while the training step is scrubbed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets
from torch import Tensor

from ..figures import Picture, cluster_frames, clusters
from ..meta_learners import Prototypical
from ..studies.clusters import reach
from ..tasks.task import Task
from .touchable import Labeled, data_uri, script


class Clusters(Labeled):
    """Scrub the training step, or play it: points move, prototypes and borders with them; a point shows its image.

    snapshots: `History.snapshots` of the training. task: one few-shot task of images.
    """

    _esm = script("clusters.js")

    frames: traitlets.List[Any] = traitlets.List().tag(sync=True)
    images = traitlets.Dict().tag(sync=True)
    reach = traitlets.Float(1.0).tag(sync=True)
    at = traitlets.Int(0).tag(sync=True)

    def __init__(self, meta_learner: Prototypical, snapshots: Mapping[int, Mapping[str, Tensor]], task: Task) -> None:
        if not snapshots:
            raise ValueError("There are no snapshots to show; train with meta_train(..., snapshots=[0, 10, 100]).")
        frames = cluster_frames(meta_learner, snapshots, task)
        images = {
            "support": [data_uri(image) for image in task.support.x],
            "query": [data_uri(image) for image in task.query.x],
        }
        for frame in frames:
            frame["told"] = told(frame)
        super().__init__(frames=frames, images=images, reach=reach(frames), at=len(frames) - 1)

    def picture(self) -> Picture:
        """The first and the last training step, and some between."""
        return clusters(self.frames)


def told(frame: dict[str, Any]) -> str:
    """What came of one frame's queries, in words."""
    return (
        f"After {frame['step']} training steps: {frame['accuracy']:.0%} of {len(frame['wrong'])} queries right, "
        f"{sum(frame['wrong'])} ringed."
    )

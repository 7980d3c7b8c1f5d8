"""Lesson 10: a slider over the number of different training tasks; what a learner answers for a new task changes."""

from __future__ import annotations

from collections.abc import Mapping

import traitlets

from ..figures import Picture
from ..figures.task_diversity import diversity as drawn
from ..figures.task_diversity import said_of, words
from ..meta_learners import MetaLearner
from ..studies.task_diversity import diversity_frames
from ..tasks import Regressions
from .touchable import Touchable, script


class Diversity(Touchable):
    """Slide the number of training tasks: errors on new tasks on the left, answers for one new task on the right.

    learners, tasks, count, seed: as in `studies.diversity_frames`.
    """

    _esm = script("diversity.js")

    frames = traitlets.Dict().tag(sync=True)
    at = traitlets.Int(0).tag(sync=True)

    def __init__(
        self, learners: Mapping[int | None, MetaLearner], tasks: Regressions, count: int = 1_000, seed: int = 1
    ) -> None:
        frames = diversity_frames(learners, tasks, count, seed)
        places = range(len(frames["different"]))
        told = {"counts": [words(each) for each in frames["different"]], "said": [said_of(frames, i) for i in places]}
        super().__init__(frames=frames | told)

    def picture(self) -> Picture:
        """The errors, and the answers at the number that is chosen."""
        return drawn(self.frames, self.at)

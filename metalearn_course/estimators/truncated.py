"""Truncated backpropagation: cheap, and biased."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .._common.arguments import whole
from .._common.trees import detached
from ..meta_learners import segments
from ..meta_learners.base import MetaLearner
from ..meta_learners.segments import Run
from ..tasks.task import Task
from ..update_rules import Params
from .base import Divergences, gradient, segments_in, trainings_of, with_phi


class TruncatedState(NamedTuple):
    """What truncated backpropagation carries from one segment to the next.

    tasks: those that are trained on. step: the inner steps done, int64. runs: where the trainings stand, (tasks, ...),
    detached. diverged: what did so far.
    """

    tasks: Task
    step: Tensor
    runs: Run
    diverged: Divergences


class Truncated:
    """Backpropagation through `truncation` inner steps at a time.

    Williams and Peng (1990); Andrychowicz et al. (2016, arXiv:1606.04474). Each call goes on where the one before left
    a stack of trainings, detached, and begins anew on fresh tasks when their horizon is reached. The gradients of all
    segments add up to the exact one, without what an early step does to later segments: that is the bias. With a "last"
    meta-loss only the last segment has a gradient.

    Args:
        truncation: inner steps in a segment.

    Raises:
        ValueError: if it is no whole number from 1.
    """

    def __init__(self, truncation: int) -> None:
        self.truncation = whole("truncation", truncation)

    def init(self, meta_learner: MetaLearner, tasks: Task) -> TruncatedState:
        """The form of what is carried; the trainings themselves begin with the first step."""
        runs = segments.begin(trainings_of(self, meta_learner, self.truncation), tasks)
        return TruncatedState(tasks, torch.tensor(0), runs, Divergences.none())

    def period(self, meta_learner: MetaLearner) -> int:
        """How many segments a training has."""
        return segments_in(trainings_of(self, meta_learner, self.truncation), self.truncation)

    def divergences(self, s: TruncatedState) -> Divergences:
        """What diverged so far."""
        return s.diverged

    def step(
        self, meta_learner: MetaLearner, phi: Params, tasks: Task, s: TruncatedState | tuple[()]
    ) -> tuple[Params, Tensor, TruncatedState]:
        """The gradient through one segment, the meta-losses in it (tasks,), and where the trainings stand."""
        trains = trainings_of(self, meta_learner, self.truncation)
        diverged = s.diverged if s else Divergences.none()
        if not s or s.step == 0:
            s = TruncatedState(tasks, torch.tensor(0), with_phi(phi, segments.begin, trains, tasks), diverged)
        first = int(s.step)
        steps = min(self.truncation, trains.steps - first)
        losses, runs = with_phi(phi, segments.segment, trains, s.runs, s.tasks, first, steps)
        grads = gradient(trains, phi, segments.share(trains, losses, first).mean())
        losses = losses.detach()
        seen = segments.outcomes(segments.told(trains, losses), losses, s.runs, runs)
        step = torch.tensor((first + steps) % trains.steps)
        return grads, seen.losses, TruncatedState(s.tasks, step, detached(runs), diverged.and_those_of(seen))


__all__ = ["Truncated", "TruncatedState"]

"""Truncated evolution strategies: cheaper than whole trainings, and biased."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..meta_learners.base import MetaLearner
from ..meta_learners.segments import Run
from ..tasks.task import Task
from ..update_rules import Params
from . import populations
from .base import Divergences, trainings_of
from .evolution_strategies import estimate, mirrored, perturbations


class TruncatedESState(NamedTuple):
    """What truncated ES carries from one segment to the next.

    tasks: those that all members train on. step: the inner steps done, int64. particles: where the trainings stand,
    (2 * pairs, tasks, ...), first those with the positive perturbations. diverged: what did so far.
    """

    tasks: Task
    step: Tensor
    particles: Run
    diverged: Divergences


class TruncatedES(populations.InSegments):
    """Evolution strategies on a segment of `truncation` inner steps at a time, with fresh perturbations for each.

    Cheaper than whole trainings and less noisy; and biased as truncated backpropagation is: what an early step does to
    later segments is not seen. Each member goes on from its own training, so that `PES` differs by its accumulated
    noise alone. (In algorithm 1 of Vicol et al., 2021, arXiv:2112.13835, all go on from one unperturbed training: less
    noise, and the same mean but for a term of order sigma^2.)

    Args:
        truncation: inner steps in a segment.
        sigma: the standard deviation of the perturbations, above 0.
        pairs: of members of the population; one has phi + epsilon, the other phi - epsilon.

    Raises:
        ValueError: for numbers out of range.
    """

    def init(self, meta_learner: MetaLearner, tasks: Task) -> TruncatedESState:
        """Fresh trainings of every member."""
        trains = trainings_of(self, meta_learner, self.truncation)
        particles = populations.begin(trains, populations.start_of(trains, self.pairs)[0], tasks)
        return TruncatedESState(tasks, torch.tensor(0), particles, Divergences.none())

    def divergences(self, s: TruncatedESState) -> Divergences:
        """What diverged so far."""
        return s.diverged

    @torch.no_grad()
    def step(
        self, meta_learner: MetaLearner, phi: Params, tasks: Task, s: TruncatedESState | tuple[()]
    ) -> tuple[Params, Tensor, TruncatedESState]:
        """The estimate of one segment, the members' mean meta-losses in it (tasks,), and where they stand."""
        trains = trainings_of(self, meta_learner, self.truncation)
        epsilon = perturbations(phi, self.sigma, self.pairs)
        members = mirrored(phi, epsilon)
        diverged = s.diverged if s else Divergences.none()
        if not s or s.step == 0:
            s = TruncatedESState(tasks, torch.tensor(0), populations.begin(trains, members, tasks), diverged)
        first = int(s.step)
        steps = min(self.truncation, trains.steps - first)
        losses, particles, seen = populations.segment(trains, members, s.particles, s.tasks, first, steps)
        grads = estimate(losses, epsilon, self.sigma)
        step = torch.tensor((first + steps) % trains.steps)
        return grads, seen.losses, TruncatedESState(s.tasks, step, particles, diverged.and_those_of(seen))


__all__ = ["TruncatedES", "TruncatedESState"]

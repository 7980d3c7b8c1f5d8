"""Persistent evolution strategies: truncated, and yet unbiased."""

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


class PESState(NamedTuple):
    """What PES carries from one segment to the next.

    tasks: those that all particles train on. step: the inner steps done, int64. particles: where the trainings stand,
    (2 * pairs, tasks, ...), first the positive ones. accumulated: xi, the sum of each pair's perturbations since the
    training began, name -> (pairs, ...). diverged: what did so far.
    """

    tasks: Task
    step: Tensor
    particles: Run
    accumulated: Params
    diverged: Divergences


class PES(populations.InSegments):
    """Persistent evolution strategies (Vicol et al., 2021, arXiv:2112.13835, algorithm 2): truncated, yet unbiased.

    Each particle of a pair goes on from its own training. Its losses are the work of all its perturbations so far, so
    they are multiplied by the sum of these, which starts again at 0 with every new training. It is unbiased for the
    meta-loss smoothed by a perturbation of every segment (`EvolutionStrategies`: one of the whole training), as long as
    phi stays the same during a training.

    Args:
        truncation: inner steps in a segment.
        sigma: the standard deviation of the perturbations, above 0.
        pairs: of members of the population; one has phi + epsilon, the other phi - epsilon.

    Raises:
        ValueError: for numbers out of range.
    """

    def init(self, meta_learner: MetaLearner, tasks: Task) -> PESState:
        """Fresh trainings of every particle, and xi = 0."""
        trains = trainings_of(self, meta_learner, self.truncation)
        members, zeros = populations.start_of(trains, self.pairs)
        particles = populations.begin(trains, members, tasks)
        return PESState(tasks, torch.tensor(0), particles, zeros, Divergences.none())

    def divergences(self, s: PESState) -> Divergences:
        """What diverged so far."""
        return s.diverged

    @torch.no_grad()
    def step(
        self, meta_learner: MetaLearner, phi: Params, tasks: Task, s: PESState | tuple[()]
    ) -> tuple[Params, Tensor, PESState]:
        """The estimate of one segment, the particles' mean meta-losses in it (tasks,), and where they stand."""
        trains = trainings_of(self, meta_learner, self.truncation)
        diverged = s.diverged if s else Divergences.none()
        # Draw epsilon for every pair; perturb by +epsilon and by -epsilon.
        epsilon = perturbations(phi, self.sigma, self.pairs)
        members = mirrored(phi, epsilon)
        # A new inner problem: every particle at the start, every xi at 0.
        if not s or s.step == 0:
            zeros = {name: torch.zeros_like(e) for name, e in epsilon.items()}
            s = PESState(tasks, torch.tensor(0), populations.begin(trains, members, tasks), zeros, diverged)
        # s+, L+ = unroll(s+, phi + epsilon, K) and s-, L- = unroll(s-, phi - epsilon, K)
        first = int(s.step)
        steps = min(self.truncation, trains.steps - first)
        losses, particles, seen = populations.segment(trains, members, s.particles, s.tasks, first, steps)
        # xi = xi + epsilon
        xi = {name: s.accumulated[name] + e for name, e in epsilon.items()}
        # The gradient: the mean over pairs of xi (L+ - L-) / (2 sigma^2)
        grads = estimate(losses, xi, self.sigma)
        step = torch.tensor((first + steps) % trains.steps)
        return grads, seen.losses, PESState(s.tasks, step, particles, xi, diverged.and_those_of(seen))


__all__ = ["PES", "PESState"]

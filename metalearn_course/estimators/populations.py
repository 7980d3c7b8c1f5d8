"""A population of trainings, run a segment at a time: what truncated ES and PES have in common."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import vmap

from .._common.arguments import number, whole
from ..meta_learners import segments
from ..meta_learners.base import MetaLearner, Outcomes
from ..meta_learners.segments import Run
from ..meta_learners.trained_by import TrainedBy
from ..tasks.task import Task
from ..update_rules import Params
from .base import segments_in, trainings_of, with_phi


class InSegments:
    """What estimators have in common that run a population `truncation` inner steps at a time.

    Args:
        truncation: inner steps in a segment.
        sigma: the standard deviation of the perturbations, above 0.
        pairs: of members of the population; one has phi + epsilon, the other phi - epsilon.

    Raises:
        ValueError: for numbers out of range.
    """

    def __init__(self, truncation: int, sigma: float = 0.01, pairs: int = 8) -> None:
        self.truncation = whole("truncation", truncation)
        self.sigma = number("sigma", sigma, above=0)
        self.pairs = whole("pairs", pairs)

    def period(self, meta_learner: MetaLearner) -> int:
        """How many segments a training has."""
        return segments_in(trainings_of(self, meta_learner, self.truncation), self.truncation)


def begin(trains: TrainedBy, members: Params, tasks: Task) -> Run:
    """Runs (members, tasks, ...): of one task, all begin from the same fresh weights."""
    return vmap(lambda phi: with_phi(phi, segments.begin, trains, tasks), randomness="same")(members)


def segment(
    trains: TrainedBy, members: Params, runs: Run, tasks: Task, first: int, steps: int
) -> tuple[Tensor, Run, Outcomes]:
    """`steps` updates of every training of every member, with the same random numbers for all.

    Args:
        trains: whose trainings they are.
        members: every member's phi, name -> (members, ...).
        runs: where the trainings stand, (members, tasks, ...).
        tasks: a stack, the same for all members.
        first: how many updates the trainings have behind them.
        steps: how many more they take.

    Returns:
        The contribution of this segment to each member's meta-loss, the mean over tasks (members,); where the trainings
        stand; and the outcomes, whose losses are the members' mean for each task (tasks,).
    """

    def one(phi: Params, runs: Run) -> tuple[Tensor, Run]:
        return with_phi(phi, segments.segment, trains, runs, tasks, first, steps)

    losses, after = vmap(one, randomness="same")(members, runs)
    seen = segments.outcomes(segments.told(trains, losses), losses, runs, after)
    return segments.share(trains, losses, first).mean(1), after, seen._replace(losses=seen.losses.mean(0))


def start_of(trains: TrainedBy, pairs: int) -> tuple[Params, Params]:
    """Every member's phi, unperturbed, name -> (2 * pairs, ...); and zeros for every pair, name -> (pairs, ...)."""
    phi = {name: p.detach() for name, p in trains.named_parameters() if p.requires_grad}
    members = {name: p.expand(2 * pairs, *p.shape) for name, p in phi.items()}
    return members, {name: torch.zeros(pairs, *p.shape).to(p) for name, p in phi.items()}


__all__ = ["InSegments", "begin", "segment", "start_of"]

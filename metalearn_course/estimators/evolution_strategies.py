"""Evolution strategies: the outer gradient from values alone."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import vmap

from .._common.arguments import number, whole
from ..meta_learners.base import MetaLearner, Outcomes
from ..tasks.task import Task
from ..update_rules import Params
from .base import Divergences, with_phi


class EvolutionStrategies:
    """The gradient of the smoothed meta-loss, from values alone.

    Rechenberg (1973); Salimans et al. (2017, arXiv:1703.03864). phi is perturbed by epsilon = sigma z, z standard
    normal, and by -epsilon, `pairs` times; the estimate is the mean of epsilon (L(phi + epsilon) - L(phi - epsilon)) /
    (2 sigma^2). It is unbiased for the gradient of E[L(phi + epsilon)]. No derivative is taken, so it makes no
    difference how long a training is or how rough. Both members of a pair meet the same tasks and the same random
    numbers. Trainings of a `TrainedBy` that diverge are stopped and counted.

    Args:
        sigma: the standard deviation of the perturbations, above 0.
        pairs: of members of the population; one has phi + epsilon, the other phi - epsilon.

    Raises:
        ValueError: for numbers out of range.
    """

    def __init__(self, sigma: float = 0.01, pairs: int = 8) -> None:
        self.sigma = number("sigma", sigma, above=0)
        self.pairs = whole("pairs", pairs)

    def init(self, meta_learner: MetaLearner, tasks: Task) -> Divergences:
        """Nothing but a count of what diverged."""
        return Divergences.none()

    def period(self, meta_learner: MetaLearner) -> int:
        """Every step is a whole training."""
        return 1

    def divergences(self, s: Divergences) -> Divergences:
        """What diverged so far."""
        return s

    @torch.no_grad()
    def step(
        self, meta_learner: MetaLearner, phi: Params, tasks: Task, s: Divergences | tuple[()]
    ) -> tuple[Params, Tensor, Divergences]:
        """The estimate, the members' mean objectives (tasks,), and what diverged so far."""
        epsilon = perturbations(phi, self.sigma, self.pairs)

        def outcomes(phi: Params) -> Outcomes:
            return with_phi(phi, lambda method: method.outcomes(tasks), meta_learner)

        seen = vmap(outcomes, randomness="same")(mirrored(phi, epsilon))
        grads = estimate(seen.losses.mean(1), epsilon, self.sigma)
        return grads, seen.losses.mean(0), (s or Divergences.none()).and_those_of(seen)


def perturbations(phi: Params, sigma: float, pairs: int) -> Params:
    """One epsilon ~ N(0, sigma^2 I) for each pair: name -> (pairs, ...)."""
    return {name: sigma * torch.randn(pairs, *p.shape).to(p) for name, p in phi.items()}


def mirrored(phi: Params, epsilon: Params) -> Params:
    """All members of a population: name -> (2 * pairs, ...), first every phi + epsilon, then every phi - epsilon."""
    return {name: torch.cat([p + epsilon[name], p - epsilon[name]]).detach() for name, p in phi.items()}


def estimate(losses: Tensor, noise: Params, sigma: float) -> Params:
    """The mean over pairs of noise (L+ - L-) / (2 sigma^2).

    Args:
        losses: of the members (2 * pairs,), in the order of `mirrored`.
        noise: name -> (pairs, ...).
        sigma: the standard deviation of the perturbations.

    Returns:
        The gradient by name.
    """
    positive, negative = losses.chunk(2)
    slope = (positive - negative) / (2 * sigma**2 * len(positive))
    return {name: torch.einsum("p,p...->...", slope, each) for name, each in noise.items()}


__all__ = ["EvolutionStrategies", "estimate", "mirrored", "perturbations"]

"""Trainings whose meta-gradient is known in closed form, and small ones for everything else."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from metalearn_course import Examples, Momentum, Task, TrainedBy, mlp

PHI, T = 0.3, 6


class Drift(nn.Module):
    """theta <- theta + phi: after t steps theta is t phi, whatever the gradient says."""

    def __init__(self):
        super().__init__()
        self.phi = nn.Parameter(torch.tensor(PHI, dtype=torch.float64))

    def init(self, params):
        return ()

    def update(self, params, grads, state, loss):
        return {name: p + self.phi for name, p in params.items()}, state


def one_weight():
    learner = nn.Linear(1, 1, bias=False).double()
    nn.init.zeros_(learner.weight)
    return learner


def squared(tasks=1):
    """The loss of theta is theta^2."""
    one, zero = torch.ones(tasks, 1, 1, dtype=torch.float64), torch.zeros(tasks, 1, 1, dtype=torch.float64)
    examples = Examples(one, zero)
    return Task(examples, examples, torch.empty(tasks, 0, dtype=torch.int64))


class Always:
    """A distribution over tasks that has one."""

    protocol = "theta squared"

    def sample(self, tasks, generator):
        return squared(tasks)


def drifting(rule=None, **options):
    return TrainedBy(one_weight(), rule or Drift(), T, loss=F.mse_loss, fresh_start=False, **options)


def phi_of(meta_learner):
    return {name: p for name, p in meta_learner.named_parameters() if p.requires_grad}


def one_training(estimator, meta_learner, tasks):
    """The sum of the gradients of all segments of one training."""
    phi = phi_of(meta_learner)
    s, total = estimator.init(meta_learner, tasks), None
    for _ in range(estimator.period(meta_learner)):
        grads, _, s = estimator.step(meta_learner, phi, tasks, s)
        total = grads if total is None else {name: g + grads[name] for name, g in total.items()}
    return total


EXACT = sum(2 * t**2 * PHI for t in range(1, T + 1)) / T  # of the mean over t of (t phi)^2


def truncated_by_hand(truncation):
    """Where theta = t phi = (constant) + (steps since the cut) phi."""
    return sum(2 * t * PHI * ((t - 1) % truncation + 1) for t in range(1, T + 1)) / T


def small_network(rule=None, **options):
    torch.manual_seed(0)
    return TrainedBy(mlp(1, 4, 1), rule or LearnedMomentum(), 6, loss=F.mse_loss, **options).double()


class LearnedMomentum(nn.Module):
    def __init__(self):
        super().__init__()
        self.lr, self.beta = nn.Parameter(torch.tensor(0.05)), nn.Parameter(torch.tensor(0.7))

    def init(self, params):
        return Momentum(self.lr, self.beta).init(params)

    def update(self, params, grads, state, loss):
        return Momentum(self.lr, self.beta).update(params, grads, state, loss)


def interval(estimates):
    return estimates.mean().item(), 1.96 * estimates.std().item() / math.sqrt(len(estimates))

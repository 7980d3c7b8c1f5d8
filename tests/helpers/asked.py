"""A small training, what rules answer in it, and losses that fall: for tests of studies and figures."""

from __future__ import annotations

import math

import torch
from torch import nn

from metalearn_course.meta_learners import TrainedBy
from metalearn_course.studies.responses import Responses, update_responses
from metalearn_course.tasks import Quadratics, summed_squares
from metalearn_course.update_rules import SGD, Adam, LSTMOptimizer

D, STEPS = 4, (1, 3, 7)
GRADIENTS = torch.tensor([-100.0, -0.3, -1e-6, 0.0, 2e-5, 0.01, 1.0, 50.0], dtype=torch.float64)


def trainer(rule=None, **options) -> TrainedBy:
    """From weights that are known, so that another training can begin there too."""
    learner = nn.Linear(D, 1, bias=False)
    nn.init.constant_(learner.weight, 0.5)
    return TrainedBy(learner, rule or SGD(0.01), steps=7, loss=summed_squares, fresh_start=False, **options)


def learned(seed: int = 0) -> LSTMOptimizer:
    torch.manual_seed(seed)
    return LSTMOptimizer(hidden=6)


def asked(rules, **options) -> Responses:
    return update_responses(rules, trainer(), Quadratics(D), **{"steps": STEPS, "problems": 3} | options)


def answered() -> Responses:
    return asked({"SGD": SGD(0.01), "Adam": Adam(0.2), "learned LSTM": learned()})


def losses(end: float = 0.1, steps: int = 30, problems: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.logspace(1, math.log10(end), steps + 1) * (0.5 + torch.rand(problems, 1, generator=generator))

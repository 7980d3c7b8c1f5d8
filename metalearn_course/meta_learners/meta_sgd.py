"""A learned start and a learned rate for every weight: Meta-SGD (Li et al., 2017)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import nn

from ..tasks.task import Examples
from ..update_rules import CoordinateRates, Trace, unroll
from .base import Loss
from .maml import MAML


class MetaSGD(MAML):
    """MAML whose steps are learned as well (Li et al., 2017, algorithm 1): theta_1 = theta_0 - rates * gradient.

    phi is theta_0 and a rate for each of its coordinates, of any sign, all `lr` at first. The paper takes one step.
    """

    def __init__(
        self,
        learner: nn.Module,
        steps: int = 1,
        lr: float = 0.01,
        loss: Loss = F.cross_entropy,
        first_order: bool = False,
    ) -> None:
        super().__init__(learner, steps, lr, loss, first_order)
        self.rule = CoordinateRates(self.start(), lr)

    def trace(self, support: Examples) -> Trace:
        batches = [support] * self.steps
        return unroll(self.support_loss, self.rule, self.start(), batches, first_order=self.first_order)

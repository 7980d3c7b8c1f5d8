"""A learned start and a learned rate for every weight: Meta-SGD (Li et al., 2017, arXiv:1707.09835)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import nn

from ..tasks.task import Examples
from ..update_rules import CoordinateRates, Trace, UpdateRule, unroll
from .base import Loss
from .maml import MAML


class MetaSGD(MAML):
    """MAML whose steps are learned as well: theta_1 = theta_0 - rates * gradient.

    Li et al. (2017, arXiv:1707.09835), algorithm 1. phi is theta_0 and a rate for each of its coordinates, of any sign.
    The paper takes one step.

    Args:
        learner: the model that is adapted; its parameters are theta_0.
        steps: inner steps, 0 or more.
        lr: every rate before meta-training.
        loss: (predictions, y) -> scalar, for support and query set.
        first_order: whether the inner gradients are constants for the meta-gradient.

    Raises:
        ValueError: as for `MAML`.
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
        """The inner loop at the learned rates."""
        start, batches = self.start(), [support] * self.steps
        rule: UpdateRule = self.rule
        if isinstance(rule, CoordinateRates):
            rule = rule.among(start)  # what was frozen since the rates were made takes no step
        return unroll(self.support_loss, rule, start, batches, first_order=self.first_order)

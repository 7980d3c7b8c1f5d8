"""An optimizer that is also a start: the LSTM meta-learner (Ravi and Larochelle, 2017)."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import nn

from .._common.arguments import number
from ..tasks.task import Examples
from ..update_rules import MetaLSTMGates, Trace, unroll
from .base import Loss
from .maml import MAML


class MetaLSTM(MAML):
    """The weights of the learner are the memory of an LSTM, and training is running it (Ravi and Larochelle, 2017).

    phi is the gates, shared by all coordinates, and the first memory: theta_0, a learned start. Gradients and losses
    that go into the gates are constants (section 3.3); `first_order=False` lets a gradient through them.
    In the authors' experiments an ordinary LSTM reads gradient and loss first; here the gates do, as in section 3.

    Args:
        learner: the model that is adapted; its parameters are theta_0.
        steps: inner steps, 0 or more.
        lr: what the input gate begins with, between 0 and 1.
        loss: (predictions, y) -> scalar, for support and query set.
        first_order: whether what the gates read is constant for the meta-gradient, as in the paper.

    Raises:
        ValueError: for numbers out of range.
    """

    def __init__(
        self,
        learner: nn.Module,
        steps: int = 5,
        lr: float = 0.01,
        loss: Loss = F.cross_entropy,
        first_order: bool = True,
    ) -> None:
        lr = number("lr", lr, above=0, below=1)  # a gate lies between 0 and 1, and so must the rate it begins with
        super().__init__(learner, steps, lr, loss, first_order)
        self.rule = MetaLSTMGates(input_bias=math.log(lr / (1 - lr)))

    def trace(self, support: Examples) -> Trace:
        """The inner loop, each step by the gates."""
        batches = [support] * self.steps
        return unroll(self.support_loss, self.rule, self.start(), batches, first_order=self.first_order)

"""A learned start: model-agnostic meta-learning (Finn et al., 2017, arXiv:1703.03400)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from .._common.arguments import whole
from ..learners import unfrozen
from ..tasks.task import Examples
from ..update_rules import SGD, Params, Trace, unroll
from ..update_rules.sgd import number_or_tensor
from .base import Loss, MetaLearner
from .kernels import ALONE


class MAML(MetaLearner):
    """Learn a starting point from which a few gradient steps suffice.

    Finn et al. (2017, arXiv:1703.03400), algorithm 2. phi is theta_0, the parameters of `learner`. Inner loop: `steps`
    steps of gradient descent at rate `lr` on the support set; with none, theta_0 itself predicts. Outer loop: the
    gradient of the query loss, through the inner loop, to theta_0; `first_order` leaves out the second derivatives on
    that way (section 5.2). What is frozen in `learner` (requires_grad=False), before or after it is given here, belongs
    to neither.

    Args:
        learner: the model that is adapted; its parameters are theta_0.
        steps: inner steps, 0 or more.
        lr: the rate of the inner loop.
        loss: (predictions, y) -> scalar, for support and query set.
        first_order: whether the inner gradients are constants for the meta-gradient.

    Raises:
        ValueError: if `steps` is no whole number from 0, or `lr` no number.
    """

    def __init__(
        self,
        learner: nn.Module,
        steps: int = 1,
        lr: float = 0.01,
        loss: Loss = F.cross_entropy,
        first_order: bool = False,
    ) -> None:
        super().__init__(loss)
        self.learner = learner
        self.steps = whole("steps", steps, 0)
        self.lr = number_or_tensor("lr", lr)
        self.first_order = first_order
        self.one_by_one = any(isinstance(module, ALONE) for module in learner.modules())

    @property
    def exact_gradient(self) -> bool:
        """Whether second derivatives are kept."""
        return not self.first_order

    def start(self) -> Params:
        """theta_0, by name, without what is frozen."""
        return unfrozen(self.learner)

    def support_loss(self, params: Params, support: Examples) -> Tensor:
        """The loss on one task's support set."""
        return self.loss(self.predict(params, support.x), support.y)

    def trace(self, support: Examples) -> Trace:
        """The inner loop: theta_0, theta_1, ..., each with its support loss and the gradient of that."""
        batches = [support] * self.steps
        return unroll(self.support_loss, SGD(self.lr), self.start(), batches, first_order=self.first_order)

    def adapt(self, support: Examples) -> Params:
        """The parameters after the inner loop."""
        return self.trace(support).params

    def predict(self, params: Params, x: Tensor) -> Tensor:
        """The learner's outputs with these parameters."""
        return functional_call(self.learner, params, (x,))

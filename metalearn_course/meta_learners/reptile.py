"""Move the start towards where each task's training ends: Reptile (Nichol et al., 2018, arXiv:1803.02999)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._common.arguments import whole
from ..tasks.task import Examples, Task
from ..update_rules import SGD, Trace, UpdateRule, unroll
from .base import Loss
from .maml import MAML


class Reptile(MAML):
    """Learn a start that is near, in weights, to the end of every task's training.

    Nichol et al. (2018, arXiv:1803.02999), algorithm 2. phi is theta_0. On each task `steps` steps of `rule` lead from
    theta_0 to theta~. The objective is half their squared distance with theta~ held constant (section 5.2), so that its
    gradient is theta_0 - theta~: no derivative runs through the inner loop, and the query set is not used. After
    training it adapts as MAML does.

    As the authors trained it: more shots in training than at the test, `rule=Adam(lr, beta1=0.0)`, that is without
    momentum, and the outer rate falling to 0, which is `meta_train(..., anneal=True)`.

    Args:
        learner: the model that is adapted; its parameters are theta_0.
        steps: inner steps, 0 or more.
        lr: the rate of the inner loop, where `rule` is not given.
        loss: (predictions, y) -> scalar, for support and query set.
        rule: what takes the inner steps; SGD at rate `lr` by default.
        batch: how many support examples, drawn anew, a step of training sees; all of them by default.

    Raises:
        ValueError: for numbers out of range.
    """

    exact_gradient = False  # finite differences of the objective move theta~ as well

    def __init__(
        self,
        learner: nn.Module,
        steps: int = 5,
        lr: float = 0.01,
        loss: Loss = F.cross_entropy,
        rule: UpdateRule | None = None,
        batch: int | None = None,
    ) -> None:
        super().__init__(learner, steps, lr, loss)
        self.rule = rule
        self.batch = None if batch is None else whole("batch", batch)

    def trace(self, support: Examples) -> Trace:
        """The inner loop as after training: every step on the whole support set."""
        return self._run([support] * self.steps)

    def objective(self, task: Task) -> Tensor:
        """Half the squared distance from theta_0 to where the inner loop ends, that held constant."""
        with torch.no_grad():
            reached = self._run([self.batch_of(task.support) for _ in range(self.steps)]).params
        squared = [(p - reached[name]).square().sum() for name, p in self.start().items()]
        return torch.stack(squared).sum() / 2

    def batch_of(self, support: Examples) -> Examples:
        """`batch` examples of the support set, drawn at random; all of them outside training."""
        if self.batch is None or not self.training:
            return support
        drawn = torch.randperm(len(support.x))[: self.batch]
        return Examples(support.x[drawn], support.y[drawn])

    def _run(self, batches: list[Examples]) -> Trace:
        return unroll(self.support_loss, self.rule or SGD(self.lr), self.start(), batches)

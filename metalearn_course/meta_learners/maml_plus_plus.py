"""MAML with learned rates, judged after every inner step: MAML++ (Antoniou et al., 2019, arXiv:1810.09502)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._common.arguments import number, numbers
from ..tasks.task import Examples, Task
from ..update_rules import Params, Trace, unroll
from .base import Loss
from .maml import MAML


class MAMLPlusPlus(MAML):
    """Two of the changes that steady MAML (Antoniou et al., 2019, arXiv:1810.09502, section 4).

    Learned rates: phi is theta_0 and `rates`, one for each inner step and each parameter tensor, all `lr` at first.
    `rates.requires_grad_(False)` keeps them there; with more steps than rates, the last ones are used again.

    Multi-step loss: the objective is the sum over inner steps k of weights[k] times the query loss after that step. The
    paper shifts the weights from equal ones towards the last while it trains. Here they stay as given (equal by
    default): to shift them, train in parts and change `weights` in between. All weight on the last is MAML's objective.

    Args:
        learner: the model that is adapted; its parameters are theta_0.
        steps: inner steps, 0 or more.
        lr: every rate before meta-training.
        loss: (predictions, y) -> scalar, for support and query set.
        first_order: whether the inner gradients are constants for the meta-gradient.
        weights: one for each inner step (without steps, for the start); equal ones that add up to 1 by default.

    Raises:
        ValueError: as for `MAML`; and for another number of weights.
    """

    weights: Tensor

    def __init__(
        self,
        learner: nn.Module,
        steps: int = 5,
        lr: float = 0.01,
        loss: Loss = F.cross_entropy,
        first_order: bool = False,
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__(learner, steps, lr, loss, first_order)
        judged = max(1, self.steps)  # without steps, the start is judged
        weights = [1 / judged] * judged if weights is None else numbers("weights", weights)
        if len(weights) != judged:
            raise ValueError(f"{len(weights)} weights for steps={steps}; give {judged}, one for each inner step.")
        self.names = tuple(self.start())
        self.rates = nn.Parameter(torch.full((self.steps, len(self.names)), number("lr", lr)))
        self.register_buffer("weights", torch.tensor(weights))

    def trace(self, support: Examples) -> Trace:
        """The inner loop at the learned rates."""
        start, batches = self.start(), [support] * self.steps
        if new := [name for name in start if name not in self.names]:
            raise ValueError(
                f"{new[0]} was frozen when the rates of this {type(self).__name__} were made, and has none. Make a new "
                f"{type(self).__name__} now that it is not frozen."
            )
        rates = self.rates[:, [self.names.index(name) for name in start]]  # what was frozen since then takes no step
        return unroll(self.support_loss, LayerStepRates(rates), start, batches, first_order=self.first_order)

    def objective(self, task: Task) -> Tensor:
        """The query losses after every inner step, weighted and added."""
        trace, (x, y) = self.trace(task.support), task.query
        after_each = [step.params for step in trace.steps[1:]] + [trace.params]
        return self.weights @ torch.stack([self.loss(self.predict(params, x), y) for params in after_each])


@dataclass(frozen=True)
class LayerStepRates:
    """theta <- theta - rates[k, l] * gradient, for step k and parameter tensor l; rates: (steps, tensors)."""

    rates: Tensor

    def init(self, params: Params) -> Tensor:
        """The number of the step, 0."""
        return torch.tensor(0)

    def update(self, params: Params, grads: Params, step: Tensor, loss: Tensor) -> tuple[Params, Tensor]:
        """One step against the gradient at this step's rates; beyond the last ones, at the last."""
        rates = self.rates[step.clamp(max=len(self.rates) - 1)]
        return {name: p - rate * grads[name] for (name, p), rate in zip(params.items(), rates, strict=True)}, step + 1

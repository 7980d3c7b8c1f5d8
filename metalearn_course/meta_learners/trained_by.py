"""A fresh learner, trained by an update rule: what meta-trains a learned optimizer, and what tests every optimizer."""

from __future__ import annotations

import copy
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from .._common.arguments import number, whole
from .._common.trees import largest
from ..learners import DRAWN, fresh
from ..tasks.task import Examples, Task
from ..update_rules import Params, Trace, UpdateRule, check_rule, try_rule, unroll
from ..update_rules.stop_if_diverged import FAR
from . import segments
from .base import Loss, MetaLearner, Outcomes
from .kernels import NORMS


class TrainedBy(MetaLearner):
    """Train a learner from fresh weights by an update rule.

    Andrychowicz et al. (2016, arXiv:1606.04474), section 2. phi is what the rule is made of. Every task begins anew:
    linear layers and convolutions with weights drawn as they draw their own, anything else as it is in `learner`. What
    is frozen in `learner` (requires_grad=False) stays so.

    A training that diverges is stopped where it was (`StopIfDiverged`) and counted, and no query loss counts for more
    than a million. One bad problem must not put a NaN into the rule.

    Args:
        learner: what is trained; it is copied.
        rule: the update rule.
        steps: how many updates: the horizon.
        batch: how many support examples an update sees: mini-batches one after another, and again from the first when
            no whole one is left. All of them by default.
        loss: (predictions, y) -> scalar, for support and query set.
        first_order: whether the gradients that the rule reads are constants for the meta-gradient (as in the paper);
            switch it off for the exact meta-gradient.
        meta_loss: "mean" of the query losses after each update (the paper's sum over the trajectory, divided by its
            length), or "last", the one after the last update.
        scaling: 0 or more. In meta-training every weight is measured in a unit of its own, exp of a uniform number in
            [-scaling, scaling] (Lv et al., 2017, arXiv:1703.03120).
        fresh_start: whether weights are drawn anew for every task; otherwise all of them are as in `learner`.

    Raises:
        TypeError: if `rule` is no update rule, or one update by it shows that it drops a parameter, returns no state or
            changes what it is given (`try_rule`).
        ValueError: for numbers out of range, an unknown meta_loss, and a learner with nothing to train or to draw.
    """

    def __init__(
        self,
        learner: nn.Module,
        rule: UpdateRule,
        steps: int = 100,
        batch: int | None = None,
        loss: Loss = F.cross_entropy,
        first_order: bool = True,
        meta_loss: str = "mean",
        scaling: float = 0.0,
        fresh_start: bool = True,
    ) -> None:
        super().__init__(loss)
        scaling = number("scaling", scaling, least=0)
        check_rule(rule)
        if meta_loss not in ("mean", "last"):
            raise ValueError(f'meta_loss={meta_loss!r} is unknown; choose "mean" or "last".')
        self.trainable = tuple(name for name, p in learner.named_parameters() if p.requires_grad)
        _check_learner(learner, fresh_start)
        try_rule(rule, {name: learner.get_parameter(name) for name in self.trainable})
        self.learner = copy.deepcopy(learner).requires_grad_(False)
        self.rule = rule
        self.steps = whole("steps", steps)  # the horizon
        self.batch = None if batch is None else whole("batch", batch)
        self.first_order = first_order
        self.meta_loss = meta_loss
        self.scaling = scaling
        self.fresh_start = fresh_start
        # With constants for gradients there are no second derivatives, which are what is wrong of these under vmap.
        self.one_by_one = not first_order and any(isinstance(module, NORMS) for module in learner.modules())

    @property
    def exact_gradient(self) -> bool:
        """Whether the rule's gradients are no constants."""
        return not self.first_order

    def by(self, rule: UpdateRule, **changes: Any) -> TrainedBy:
        """The same, trained by another rule; `changes` as in the constructor, `steps=1000` for example."""
        same = ("learner", "steps", "batch", "loss", "first_order", "meta_loss", "scaling", "fresh_start")
        options = {name: getattr(self, name) for name in same} | changes
        if "learner" not in changes:
            options["learner"] = copy.deepcopy(self.learner)
            for name in self.trainable:
                options["learner"].get_parameter(name).requires_grad_()
        return TrainedBy(rule=rule, **options)

    def start(self) -> Params:
        """theta_0, of what is not frozen."""
        params = fresh(self.learner) if self.fresh_start else dict(self.learner.named_parameters())
        return {name: params[name] for name in self.trainable}

    def predict(self, params: Params, x: Tensor) -> Tensor:
        """The learner's outputs with these parameters."""
        return functional_call(self.learner, params, (x,))

    def batch_loss(self, params: Params, batch: Examples) -> Tensor:
        """The loss of the learner with these parameters on one mini-batch."""
        return self.loss(self.predict(params, batch.x), batch.y)

    def mini_batch(self, support: Examples, step: int) -> Examples:
        """What update number `step` sees."""
        if self.batch is None:
            return support
        batches = len(support.y) // self.batch
        if batches == 0:
            raise ValueError(f"batch={self.batch}; the support set has {len(support.y)} examples. Lower batch.")
        first = step % batches * self.batch
        return Examples(support.x[first : first + self.batch], support.y[first : first + self.batch])

    def trace(self, support: Examples) -> Trace:
        """The whole training, step by step."""
        batches = [self.mini_batch(support, step) for step in range(self.steps)]
        return unroll(self.batch_loss, self.rule, self.start(), batches, first_order=self.first_order)

    def adapt(self, support: Examples) -> Params:
        """The parameters after the whole training."""
        return self.trace(support).params

    def objective(self, task: Task) -> Tensor:
        """The meta-loss of ONE training."""
        losses, _ = segments.continue_one(self, segments.begin_one(self, task.support), task, 0, self.steps)
        return segments.share(self, losses, 0)

    def outcomes(self, tasks: Task) -> Outcomes:
        """The meta-loss of every training, and where one diverged."""
        begun = segments.begin(self, tasks)
        losses, runs = segments.segment(self, begun, tasks, 0, self.steps)
        return segments.outcomes(segments.share(self, losses, 0), losses, begun, runs)


def _check_learner(learner: nn.Module, fresh_start: bool) -> None:
    if not any(p.requires_grad for p in learner.parameters()):
        raise ValueError("The learner has no parameters to train. Give one that has, and that are not frozen.")
    if fresh_start and not any(isinstance(module, DRAWN) for module in learner.modules()):
        kinds = ", ".join(f"nn.{kind.__name__}" for kind in DRAWN)
        raise ValueError(f"The learner has no weights to draw anew: no {kinds}. Set fresh_start=False.")
    farthest = largest(dict(learner.named_parameters())).item()
    if not fresh_start and not farthest < FAR:
        raise ValueError(
            f"The learner's largest weight is {farthest:.3g}; a training that leaves {FAR:g} counts as diverged. "
            f"Change the units of its inputs or outputs."
        )


__all__ = ["TrainedBy"]

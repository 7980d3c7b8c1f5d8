"""The exact outer gradient, by backpropagation through everything that `adapt` did."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call, grad

from ..meta_learners.base import MetaLearner, Outcomes
from ..tasks.check import check_tasks
from ..tasks.task import Task, one_task, stack_tasks
from ..update_rules import Params
from .base import Divergences, gradient, with_phi


class Backpropagation:
    """The exact gradient of the mean objective, through everything `adapt` did. Carries only what diverged.

    A parameter that the objective does not depend on has gradient zero; RuntimeError where it depends on none. A
    meta-learner that goes `one_by_one` gets its gradient task by task, in the memory of one.

    Args:
        compile: whether to use torch.compile, which needs a C++ compiler and some ten seconds, and makes steps of small
            networks several times faster. It draws other random numbers, and trainings of a `TrainedBy` that diverge
            are not counted.
    """

    def __init__(self, compile: bool = False) -> None:
        self.compile = compile
        self._compiled = torch.compile(_by_transformation) if compile else None

    def init(self, meta_learner: MetaLearner, tasks: Task) -> Divergences:
        """Nothing but a count of what diverged."""
        return Divergences.none()

    def period(self, meta_learner: MetaLearner) -> int:
        """Every step is a whole training."""
        return 1

    def divergences(self, s: Divergences) -> Divergences:
        """What diverged so far."""
        return s

    def step(
        self, meta_learner: MetaLearner, phi: Params, tasks: Task, s: Divergences | tuple[()]
    ) -> tuple[Params, Tensor, Divergences]:
        """The exact gradient, the objectives (tasks,), and what diverged so far."""
        if self.compile:
            check_tasks(tasks)
        if not meta_learner.one_by_one:
            grads, seen = self._gradients(meta_learner, phi, tasks)
        else:
            singles = [stack_tasks([one_task(tasks, i)]) for i in range(len(tasks.classes))]
            each = [self._gradients(meta_learner, phi, single) for single in singles]
            grads = {name: torch.stack([grads[name] for grads, _ in each]).mean(0) for name in phi}
            seen = Outcomes(*(torch.cat(parts) for parts in zip(*(seen for _, seen in each), strict=True)))
        if self.compile and not any(g.any() for g in grads.values()):
            _by_backward(meta_learner, phi, tasks)  # raises, where the gradient is zero because nothing reaches phi
        return grads, seen.losses, (s or Divergences.none()).and_those_of(seen)

    def _gradients(self, meta_learner: MetaLearner, phi: Params, tasks: Task) -> tuple[Params, Outcomes]:
        if self._compiled is None:
            return _by_backward(meta_learner, phi, tasks)
        values = {name: p.detach() for name, p in phi.items()}  # detached, or torch.compile prepares a second gradient
        grads, losses = self._compiled(meta_learner, values, tasks)
        return grads, Outcomes.of(losses)


def _by_backward(meta_learner: MetaLearner, phi: Params, tasks: Task) -> tuple[Params, Outcomes]:
    seen = with_phi(phi, lambda method, tasks: method.outcomes(tasks), meta_learner, tasks)
    return gradient(meta_learner, phi, seen.losses.mean()), seen._replace(losses=seen.losses.detach())


def _by_transformation(meta_learner: MetaLearner, phi: Params, tasks: Task) -> tuple[Params, Tensor]:
    def mean_loss(phi: Params) -> tuple[Tensor, Tensor]:
        losses = functional_call(meta_learner, phi, (tasks,))
        return losses.mean(), losses

    grads, losses = grad(mean_loss, has_aux=True)(phi)
    return grads, losses.detach()


__all__ = ["Backpropagation"]

"""Ways to get the outer gradient: `init(meta_learner, tasks) -> s` and `step(...) -> (grads, losses, s)`."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.func import functional_call, grad

from .meta_learners.base import MetaLearner
from .tasks.task import Task, check_tasks, one_task, stack_tasks
from .update_rules import Params


class Estimator(Protocol):
    """What it carries from one meta-step to the next (particles, rule state) goes through `s`, and into checkpoints."""

    def init(self, meta_learner: MetaLearner, tasks: Task) -> Any: ...

    def step(self, meta_learner: MetaLearner, phi: Params, tasks: Task, s: Any) -> tuple[Params, Tensor, Any]: ...


class Backpropagation:
    """The exact gradient of the mean objective, through everything `adapt` did. Carries nothing.

    A parameter that plays no part has gradient zero; RuntimeError where none of them plays one. compile: by
    torch.compile, which needs a C++ compiler and some ten seconds, and makes steps of small networks several times
    faster. A meta-learner that goes `one_by_one` gets its gradient task by task, in the memory of one.
    """

    def __init__(self, compile: bool = False) -> None:
        self.compile = compile
        self._compiled = torch.compile(_by_transformation) if compile else None

    def init(self, meta_learner: MetaLearner, tasks: Task) -> Any:
        return ()

    def _gradients(self, meta_learner: MetaLearner, phi: Params, tasks: Task) -> tuple[Params, Tensor]:
        if self._compiled is None:
            return _by_backward(meta_learner, phi, tasks)
        values = {name: p.detach() for name, p in phi.items()}  # or a second gradient is prepared that nobody asks for
        return self._compiled(meta_learner, values, tasks)

    def step(self, meta_learner: MetaLearner, phi: Params, tasks: Task, s: Any) -> tuple[Params, Tensor, Any]:
        if self.compile:
            check_tasks(tasks)
        if not meta_learner.one_by_one:
            grads, losses = self._gradients(meta_learner, phi, tasks)
        else:
            count = len(tasks.classes)
            each = [self._gradients(meta_learner, phi, stack_tasks([one_task(tasks, i)])) for i in range(count)]
            grads = {name: torch.stack([grads[name] for grads, _ in each]).mean(0) for name in phi}
            losses = torch.cat([losses for _, losses in each])
        if self.compile and not any(g.any() for g in grads.values()):
            _by_backward(meta_learner, phi, tasks)  # zero because nothing reaches phi? It says so
        return grads, losses, s


def _by_backward(meta_learner: MetaLearner, phi: Params, tasks: Task) -> tuple[Params, Tensor]:
    losses = functional_call(meta_learner, phi, (tasks,))
    grads = torch.autograd.grad(losses.mean(), [*phi.values()], allow_unused=True) if losses.requires_grad else ()
    if all(g is None for g in grads):
        raise RuntimeError(
            f"{type(meta_learner).__name__}: no gradient reaches phi, so nothing is learned. Take detach() and "
            f"no_grad() out of the way from phi to the objective; first-order methods detach inner gradients only."
        )
    reached = zip(phi.items(), grads, strict=True)
    return {name: torch.zeros_like(p) if g is None else g for (name, p), g in reached}, losses.detach()


def _by_transformation(meta_learner: MetaLearner, phi: Params, tasks: Task) -> tuple[Params, Tensor]:
    def mean_loss(phi: Params) -> tuple[Tensor, Tensor]:
        losses = functional_call(meta_learner, phi, (tasks,))
        return losses.mean(), losses

    grads, losses = grad(mean_loss, has_aux=True)(phi)
    return grads, losses.detach()

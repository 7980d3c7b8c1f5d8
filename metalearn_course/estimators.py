"""Ways to get the outer gradient: `init(meta_learner, tasks) -> s` and `step(...) -> (grads, losses, s)`."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.func import functional_call

from .meta_learners.base import MetaLearner
from .tasks.task import Task
from .update_rules import Params


class Estimator(Protocol):
    """What it carries from one meta-step to the next (particles, rule state) goes through `s`, and into checkpoints."""

    def init(self, meta_learner: MetaLearner, tasks: Task) -> Any: ...

    def step(self, meta_learner: MetaLearner, phi: Params, tasks: Task, s: Any) -> tuple[Params, Tensor, Any]: ...


class Backpropagation:
    """The exact gradient of the mean objective, through everything `adapt` did. Carries nothing."""

    def init(self, meta_learner: MetaLearner, tasks: Task) -> Any:
        return ()

    def step(self, meta_learner: MetaLearner, phi: Params, tasks: Task, s: Any) -> tuple[Params, Tensor, Any]:
        losses = functional_call(meta_learner, phi, (tasks,))
        grads = torch.autograd.grad(losses.mean(), list(phi.values()), allow_unused=True, materialize_grads=True)
        return dict(zip(phi, grads, strict=True)), losses.detach(), s

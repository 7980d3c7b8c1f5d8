"""What every estimator of the outer gradient is, and what several of them need."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..meta_learners.base import MetaLearner, Outcomes
from ..meta_learners.trained_by import TrainedBy
from ..tasks.task import Task
from ..update_rules import Params


class Divergences(NamedTuple):
    """What diverged so far, in all trainings of a meta-training; scalars.

    stopped: how many trainings, int64; each member of a population counts. earliest: the inner step at which the first
    one was stopped, -1 while there is none. capped: whether a loss was ever cut at its bound.
    """

    stopped: Tensor
    earliest: Tensor
    capped: Tensor

    @classmethod
    def none(cls) -> Divergences:
        """Nothing so far."""
        return cls(torch.tensor(0), torch.tensor(-1), torch.tensor(False))

    def and_those_of(self, outcomes: Outcomes) -> Divergences:
        """These, and what diverged in one more step; no `if` asks for a value, so that a meta-step can be vmapped."""
        newly, never = outcomes.stopped >= 0, torch.iinfo(torch.int64).max
        first = torch.where(newly, outcomes.stopped, never).min()
        earliest = torch.minimum(first, torch.where(self.earliest < 0, never, self.earliest))
        return Divergences(
            self.stopped + newly.sum(),
            torch.where(earliest == never, -1, earliest),
            self.capped | outcomes.capped.any(),
        )


class Estimator(Protocol):
    """A way to get the outer gradient: the gradient of the meta-loss with respect to phi.

    What it carries from one meta-step to the next (trainings, rule state, perturbations) goes through `s`, a tree of
    tensors, which checkpoints hold.
    """

    def init(self, meta_learner: MetaLearner, tasks: Task) -> Any:
        """What is carried into the first step."""
        ...

    def step(self, meta_learner: MetaLearner, phi: Params, tasks: Task, s: Any) -> tuple[Params, Tensor, Any]:
        """One estimate.

        Args:
            meta_learner: whose objective it is.
            phi: by name, where the gradient is taken.
            tasks: a stack.
            s: what the step before returned, or `init`; `()` for nothing.

        Returns:
            The gradient by name, the meta-loss of every task (tasks,), and what is carried into the next step.
        """
        ...

    def period(self, meta_learner: MetaLearner) -> int:
        """How many steps make one whole training: those after the first go on with the tasks of the first."""
        ...

    def divergences(self, s: Any) -> Divergences:
        """What diverged so far."""
        ...


class _Calls(nn.Module):
    """A module whose forward is any function that works with `owner`."""

    def __init__(self, owner: nn.Module, function: Callable[..., Any]) -> None:
        super().__init__()
        self.owner = owner
        self.function = function

    def forward(self, *arguments: Any) -> Any:
        return self.function(self.owner, *arguments)


def with_phi(phi: Params, function: Callable[..., Any], meta_learner: MetaLearner, *arguments: Any) -> Any:
    """`function(meta_learner, *arguments)`, with `phi` in place of the meta-learner's parameters."""
    named = {f"owner.{name}": p for name, p in phi.items()}
    return functional_call(_Calls(meta_learner, function), named, arguments)


def gradient(meta_learner: MetaLearner, phi: Params, loss: Tensor) -> Params:
    """The gradient of a scalar.

    Args:
        meta_learner: whose parameters phi are, for the message.
        phi: by name.
        loss: the scalar.

    Returns:
        The gradient by name; zero for a parameter that the loss does not depend on.

    Raises:
        RuntimeError: if it depends on none of them.
    """
    grads = torch.autograd.grad(loss, [*phi.values()], allow_unused=True) if loss.requires_grad else ()
    if all(g is None for g in grads):
        raise RuntimeError(
            f"{type(meta_learner).__name__}: no gradient reaches phi, so nothing is learned. Take detach(), "
            f"no_grad() and inference_mode() out of the way from phi to the objective; first-order methods detach "
            f"inner gradients only."
        )
    reached = zip(phi.items(), grads, strict=True)
    return {name: torch.zeros_like(p) if g is None else g for (name, p), g in reached}


def trainings_of(estimator: object, meta_learner: MetaLearner, truncation: int) -> TrainedBy:
    """The meta-learner, after a check that its trainings can be cut into segments of `truncation` steps."""
    name = type(estimator).__name__
    if not isinstance(meta_learner, TrainedBy):
        raise TypeError(
            f"{name} cuts a training into segments; {type(meta_learner).__name__} has none to cut. Use a TrainedBy, "
            f"or an estimator of whole objectives: Backpropagation() or EvolutionStrategies()."
        )
    if truncation > meta_learner.steps:
        raise ValueError(
            f"{name}(truncation={truncation}) is longer than the horizon, steps={meta_learner.steps}. Lower the "
            f"truncation, or use Backpropagation() for the whole."
        )
    return meta_learner


def segments_in(trains: TrainedBy, truncation: int) -> int:
    """How many segments of `truncation` steps a training has, the last of which may be shorter."""
    return math.ceil(trains.steps / truncation)


__all__ = ["Divergences", "Estimator", "gradient", "segments_in", "trainings_of", "with_phi"]

"""A stack of trainings, run a segment at a time: what estimators of the outer gradient cut and go on with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from .._common.trees import choose, detached
from ..tasks.task import Examples, Task, check_tasks
from ..update_rules import Params, StopIfDiverged, UpdateRule, training_steps
from ..update_rules.stop_if_diverged import Watched, usable
from .base import Outcomes

WORST = 1e6  # no query loss counts for more: one bad training must not drown the others

BatchLoss = Callable[[Params, Examples], Tensor]


class Trains(Protocol):
    """What a method offers whose trainings can be cut into segments: `TrainedBy` does."""

    rule: UpdateRule
    steps: int
    first_order: bool
    meta_loss: str
    scaling: float

    def start(self) -> Params: ...

    def batch_loss(self, params: Params, batch: Examples) -> Tensor: ...

    def mini_batch(self, support: Examples, step: int) -> Examples: ...

    def at_work(self, ways: int) -> AbstractContextManager[None]: ...


class Run(NamedTuple):
    """Where the training of a learner stands.

    params: its weights. state: of the update rule, with the step at which it was stopped. scales: what the weights are
    multiplied by before use, in meta-training with random scaling; empty without.
    """

    params: Params
    state: Watched
    scales: Params


def begin_one(method: Trains, support: Examples) -> Run:
    """The training of ONE task, before its first step."""
    params, scales = method.start(), {}
    if method.scaling:
        scales = {k: torch.exp(method.scaling * (2 * torch.rand_like(p) - 1)) for k, p in params.items()}
        params = {k: p / scales[k] for k, p in params.items()}
    return Run(params, StopIfDiverged(method.rule).init(params), scales)


def continue_one(
    method: Trains, run: Run, task: Task, first: int, steps: int, sheltered: bool = True
) -> tuple[Tensor, Run]:
    """Updates number `first`, `first` + 1, ... of ONE task's training: the query loss after each (steps,), and the run.

    sheltered: whether what diverges has no way back to phi, on which an infinite derivative would become NaN. It costs
    a second look at every loss.
    """
    loss = _in_units(method.batch_loss, run.scales)
    trained = _sheltered(loss) if sheltered and not method.first_order else loss
    batches = [method.mini_batch(task.support, step) for step in range(first, first + steps)]
    rule, losses = StopIfDiverged(method.rule), []
    for _, params, state in training_steps(trained, rule, run.params, batches, run.state, method.first_order):
        run = Run(params, state, run.scales)
        judged = params
        if sheltered and torch.is_grad_enabled():
            with torch.no_grad():
                fine = loss(params, task.query) < WORST
            judged = choose(fine, params, detached(params))
        value = loss(judged, task.query)
        losses.append(torch.where(value < WORST, value, WORST))  # NaN as well
    return torch.stack(losses), run


def begin(method: Trains, tasks: Task) -> Run:
    """A stack of trainings, before their first step."""
    check_tasks(tasks)
    return vmap(lambda support: begin_one(method, support), randomness="different")(tasks.support)


def segment(method: Trains, runs: Run, tasks: Task, first: int, steps: int) -> tuple[Tensor, Run]:
    """`steps` updates of every training, from number `first` on: query losses (tasks, steps), and the runs.

    If something diverges, all of it is done once more, with the same random numbers and sheltered.
    """

    def all_of_them(sheltered: bool) -> tuple[Tensor, Run]:
        def one(run: Run, task: Task) -> tuple[Tensor, Run]:
            return continue_one(method, run, task, first, steps, sheltered)

        return vmap(one, randomness="different")(runs, tasks)

    with method.at_work(tasks.classes.shape[-1]):
        if torch.compiler.is_compiling():  # what depends on values cannot be compiled
            return all_of_them(sheltered=True)
        drawn = torch.get_rng_state()
        losses, after = all_of_them(sheltered=False)
        diverged = (losses >= WORST).any() | (after.state.stopped > runs.state.stopped).any()
        if torch.is_grad_enabled() and diverged:
            torch.set_rng_state(drawn)
            losses, after = all_of_them(sheltered=True)
    return losses, after


def share(method: Trains, losses: Tensor, first: int) -> Tensor:
    """What a segment's losses (..., steps) contribute to the objective: the shares of all segments add up to it."""
    if method.meta_loss == "mean":
        return losses.sum(-1) / method.steps
    return losses[..., -1] * (first + losses.shape[-1] == method.steps)


def told(method: Trains, losses: Tensor) -> Tensor:
    """The meta-loss as far as a segment's losses (..., steps) tell it: their mean, or the last of them."""
    return losses.mean(-1) if method.meta_loss == "mean" else losses[..., -1]


def outcomes(objectives: Tensor, losses: Tensor, before: Run, after: Run) -> Outcomes:
    """With what was stopped in a segment, and what was capped in trainings that were not."""
    newly = torch.where(before.state.stopped < 0, after.state.stopped, -1)
    return Outcomes(objectives, newly, (losses >= WORST).any(-1) & (after.state.stopped < 0))


def _in_units(loss: BatchLoss, scales: Params) -> BatchLoss:
    """`loss` of weights that are measured in units `scales`."""
    if not scales:
        return loss
    return lambda params, batch: loss({k: p * scales[k] for k, p in params.items()}, batch)


def _sheltered(loss: BatchLoss) -> BatchLoss:
    """`loss`, and NaN without a way back where it gives no gradient by which a step can be taken."""

    def sheltered(params: Params, batch: Examples) -> Tensor:
        if not torch.is_grad_enabled():
            return loss(params, batch)
        with torch.no_grad():
            fine = usable(*grad_and_value(loss)(params, batch))
        return torch.where(fine, loss(choose(fine, params, detached(params)), batch), torch.nan)

    return sheltered

"""A stack of trainings, run a segment at a time: what estimators of the outer gradient cut and go on with."""

from __future__ import annotations

import operator
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn
from torch.func import grad_and_value, vmap
from torch.utils._pytree import tree_map

from .._common.trees import choose, detached, stacked
from ..tasks.check import check_tasks
from ..tasks.task import Examples, Task, one_task
from ..update_rules import Params, StopIfDiverged, UpdateRule, training_steps
from ..update_rules.stop_if_diverged import Watched, usable
from .base import Outcomes
from .inputs import one_dtype
from .kernels import no_batching_rule

WORST = 1e6  # no query loss counts for more: one bad training must not drown the others

_LOOP = "Trainings are run as a stack here; MAML and its kin take it, one task after another"

BatchLoss = Callable[[Params, Examples], Tensor]


class Trains(Protocol):
    """What a method offers whose trainings can be cut into segments: `TrainedBy` does."""

    rule: UpdateRule
    steps: int
    first_order: bool
    meta_loss: str
    scaling: float
    one_by_one: bool

    def start(self) -> Params:
        """The weights before the first update."""
        ...

    def batch_loss(self, params: Params, batch: Examples) -> Tensor:
        """The loss that updates minimize: a scalar."""
        ...

    def mini_batch(self, support: Examples, step: int) -> Examples:
        """What update number `step` sees."""
        ...

    def at_work(self, ways: int) -> AbstractContextManager[None]:
        """As of `MetaLearner`."""
        ...


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
    """`steps` updates of ONE task's training.

    Args:
        method: whose rule and learner they are.
        run: where the training stands.
        task: what it trains on, and is judged on.
        first: how many updates it has behind it.
        steps: how many more it takes.
        sheltered: whether the gradient is cut off from what diverges, where an infinite derivative would become NaN on
            its way to phi. It costs a second evaluation of every loss.

    Returns:
        The query loss after each of these updates (steps,), and the run behind the last.
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
        losses.append(torch.where(value < WORST, value, WORST))  # also in place of NaN
    return torch.stack(losses), run


def begin(method: Trains, tasks: Task) -> Run:
    """A stack of trainings, before their first step."""
    check_tasks(tasks)
    return vmap(lambda support: begin_one(method, support), randomness="different")(tasks.support)


def segment(method: Trains, runs: Run, tasks: Task, first: int, steps: int) -> tuple[Tensor, Run]:
    """`steps` updates of every training, from number `first` on: query losses (tasks, steps), and the runs.

    Where one diverges, the segment is computed again, with the same random numbers and `sheltered`.
    """

    def all_of_them(sheltered: bool) -> tuple[Tensor, Run]:
        def one(run: Run, task: Task) -> tuple[Tensor, Run]:
            return continue_one(method, run, task, first, steps, sheltered)

        if method.one_by_one:
            each = [(tree_map(operator.itemgetter(i), runs), one_task(tasks, i)) for i in range(len(tasks.classes))]
            return cast(tuple[Tensor, Run], stacked([one(run, task) for run, task in each]))
        return vmap(one, randomness="different")(runs, tasks)

    with method.at_work(tasks.classes.shape[-1]), no_batching_rule(cast(nn.Module, method), _LOOP):
        if torch.compiler.is_compiling():  # a branch that depends on values cannot be compiled
            return all_of_them(sheltered=True)
        drawn = torch.get_rng_state()
        with one_dtype(type(method).__name__, runs.params.values(), tasks.support.x):
            losses, after = all_of_them(sheltered=False)
        diverged = (losses >= WORST).any() | (after.state.stopped > runs.state.stopped).any()
        if torch.is_grad_enabled() and diverged:
            torch.set_rng_state(drawn)
            losses, after = all_of_them(sheltered=True)
    return losses, after


def share(method: Trains, losses: Tensor, first: int) -> Tensor:
    """What a segment's losses (..., steps) contribute to the objective, which is the sum over all segments: (...)."""
    if method.meta_loss == "mean":
        return losses.sum(-1) / method.steps
    return losses[..., -1] * (first + losses.shape[-1] == method.steps)


def told(method: Trains, losses: Tensor) -> Tensor:
    """The meta-loss as seen from one segment, whose losses are (..., steps): their mean, or the last of them."""
    return losses.mean(-1) if method.meta_loss == "mean" else losses[..., -1]


def outcomes(objectives: Tensor, losses: Tensor, before: Run, after: Run) -> Outcomes:
    """The outcomes of one segment: its objectives, what was stopped in it, and what was capped in other trainings."""
    newly = torch.where(before.state.stopped < 0, after.state.stopped, -1)
    return Outcomes(objectives, newly, (losses >= WORST).any(-1) & (after.state.stopped < 0))


def _in_units(loss: BatchLoss, scales: Params) -> BatchLoss:
    """`loss` of weights that are measured in units `scales`."""
    if not scales:
        return loss
    return lambda params, batch: loss({k: p * scales[k] for k, p in params.items()}, batch)


def _sheltered(loss: BatchLoss) -> BatchLoss:
    """The same loss; NaN, and without a gradient, where a step could not be taken by its gradient."""

    def sheltered(params: Params, batch: Examples) -> Tensor:
        if not torch.is_grad_enabled():
            return loss(params, batch)
        with torch.no_grad():
            fine = usable(*grad_and_value(loss)(params, batch))
        return torch.where(fine, loss(choose(fine, params, detached(params)), batch), torch.nan)

    return sheltered

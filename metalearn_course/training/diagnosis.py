"""The messages of meta_train: for arguments of the wrong kind, for numbers that are not finite, and at the end."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..estimators import Backpropagation, Divergences
from ..meta_learners.base import MetaLearner
from ..meta_learners.segments import WORST
from ..tasks.check import check_distribution
from ..tasks.task import Task, one_task, stack_tasks
from ..update_rules import Params
from .history import History


def check_parts(meta_learner: Any, tasks: Any, estimator: Any) -> None:
    """Raise TypeError, in a line, where one of the arguments of meta_train is of another kind."""
    for what, value, fits, expected in (
        ("meta_learner", meta_learner, isinstance(meta_learner, MetaLearner), "a MetaLearner, such as TrainedBy(...)"),
        ("estimator", estimator, hasattr(estimator, "step"), "an estimator such as Backpropagation()"),
    ):
        if isinstance(value, type) or not fits:
            kind = value.__name__ if isinstance(value, type) else type(value).__name__
            raise TypeError(f"{what} is {'the class ' * isinstance(value, type)}{kind}; expected {expected}.")
    check_distribution(tasks)


def refuse_nonfinite(
    meta_learner: MetaLearner, phi: Params, tasks: Task, grads: Params, losses: Tensor, step: int, at_once: bool
) -> None:
    """Stop before the update that would spread a NaN, and name the step, the task and the inner step it came from.

    Args:
        meta_learner: what is trained.
        phi: by name.
        tasks: the batch.
        grads: of phi, by name.
        losses: of the tasks (tasks,).
        step: the number of the meta-step, for the message.
        at_once: whether this step is a whole training on `tasks`, so that it can be repeated task by task.

    Raises:
        FloatingPointError: if a loss or a gradient is not finite.
    """
    what, bad = "loss", (~losses.isfinite()).nonzero().flatten().tolist()
    if not bad and torch.nn.utils.get_total_norm(list(grads.values())).isfinite():
        return
    if not bad:
        what, tried = "gradient", range(len(losses)) if at_once else ()
        bad = [i for i in tried if not _finite_gradient(meta_learner, phi, tasks, i)]
    where = "no single task" if at_once else "a segment of its trainings"
    if bad:
        where = f"task {bad[0]} of the batch{_inner_step(meta_learner, tasks, bad[0]) if at_once else ''}"
    advice = (
        "The parameters of the step before are kept. Lower the inner or the outer rate, or look at that task's data"
    )
    if spoiled := [key for key, p in phi.items() if not p.isfinite().all()]:
        advice = f"{spoiled[0]} itself is not finite since the step before. Lower the outer rate, lr"
    raise FloatingPointError(
        f"{type(meta_learner).__name__}: the {what} is not finite at step {step}, from {where}. {advice}."
    )


def _inner_step(meta_learner: MetaLearner, tasks: Task, index: int) -> str:
    """The words that say after how many inner steps the support loss is first not finite; none without a `trace`."""

    def support_losses(task: Task) -> Tensor:
        (x, y), run = task.support, meta_learner.trace(task.support)
        if run is None:
            return torch.zeros(1)
        after = meta_learner.loss(meta_learner.predict(run.params, x), y)
        return torch.stack([*(step.loss for step in run.steps), after])

    losses = meta_learner.over_tasks(support_losses, tasks)[index].tolist()
    for steps, loss in enumerate(losses):
        if not math.isfinite(loss):
            return f", whose support loss is {loss} after {steps} of {len(losses) - 1} inner steps"
    return ""


def _finite_gradient(meta_learner: MetaLearner, phi: Params, tasks: Task, index: int) -> bool:
    grads, _, _ = Backpropagation().step(meta_learner, phi, stack_tasks([one_task(tasks, index)]), ())
    return bool(torch.nn.utils.get_total_norm(list(grads.values())).isfinite())


def closing_line(name: str, history: History, steps: int, first: int, last: int, interrupted: bool, period: int) -> str:
    """What was done, and how the meta-loss fell: in means over whole trainings, since their segments differ.

    Args:
        name: of the meta-learner.
        history: of the training.
        steps: how many were asked for.
        first: the step at which it was resumed, 0 if it was not.
        last: the step that it reached.
        interrupted: whether it was stopped by hand.
        period: how many steps make one whole training.

    Returns:
        One line.
    """
    resumed = f", resumed at step {first:,}" if first else ""
    stopped = f" of {steps:,} (interrupted; what was learned is kept)" if interrupted else ""
    losses = history.losses[: len(history.losses) // period * period]
    tenth = max(1, len(losses) // 10 // period) * period
    fell = f", meta-loss {_mean(losses[:tenth]):.3g} -> {_mean(losses[-tenth:]):.3g}" if losses else ""
    return f"{name}: {last:,} steps{stopped} in {history.seconds:.0f} s{resumed}{fell}"


def divergence_line(divergences: Divergences) -> str:
    """How many inner trainings diverged; an empty line where none did."""
    said = []
    if divergences.stopped:
        earliest = f"the earliest at inner step {int(divergences.earliest)}"
        said += [f"{int(divergences.stopped)} trainings diverged and were stopped, {earliest}"]
    if divergences.capped:
        said += [f"losses above {WORST:,.0f} counted as {WORST:,.0f}; if that is common, change their unit"]
    return "; ".join(said)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


__all__ = ["check_parts", "closing_line", "divergence_line", "refuse_nonfinite"]

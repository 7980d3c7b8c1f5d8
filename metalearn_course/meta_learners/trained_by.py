"""A fresh learner, trained by an update rule: what meta-trains a learned optimizer, and what tests every optimizer."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ..learners import fresh
from ..tasks.task import Examples, Task, check_tasks
from ..update_rules import Params, Trace, UpdateRule, unroll
from .base import Loss, MetaLearner

_FAR = 1e4  # a weight beyond it has no way back


class Run(NamedTuple):
    """Where the training of a learner stands.

    scales: what its weights are multiplied by before use, in meta-training with random scaling. stopped: the step at
    which it diverged, -1 while it did not.
    """

    params: Params
    state: Any
    scales: Params
    stopped: Tensor


class TrainedBy(MetaLearner):
    """Train a learner from fresh weights by `steps` updates of `rule` (Andrychowicz et al., 2016, section 2).

    phi is what the rule is made of. Every task begins anew: weights drawn as nn.Linear draws its own, or those of
    `learner` as they are with `fresh_start=False`. Each update sees the whole support set, or a mini-batch of `batch`
    examples, one after another and again from the first when all were used.

    meta_loss: "sum", the query loss after each update, averaged over updates (the paper's sum over the trajectory,
    divided by its length), or "final", after the last. first_order: the gradients that the rule is given are
    constants (section 2.1 of the paper); switch it off for the exact meta-gradient. scaling: in meta-training every
    weight is measured in a unit of its own, exp of a uniform number in [-scaling, scaling] (Lv et al., 2017).

    A training whose weights leave all bounds is stopped where it was, and counted (`diverged`): one bad problem must
    not put a NaN into the rule.
    """

    def __init__(
        self,
        learner: nn.Module,
        rule: UpdateRule,
        steps: int = 100,
        batch: int | None = None,
        loss: Loss = F.cross_entropy,
        first_order: bool = True,
        meta_loss: str = "sum",
        scaling: float = 0.0,
        fresh_start: bool = True,
    ) -> None:
        super().__init__(loss)
        if steps < 1:
            raise ValueError(f"steps={steps}; a training needs a horizon of at least 1. Raise steps.")
        if batch is not None and batch < 1:
            raise ValueError(f"batch={batch}; expected at least 1 example, or None for the whole support set.")
        if meta_loss not in ("sum", "final"):
            raise ValueError(f'meta_loss={meta_loss!r} is unknown; choose "sum" or "final".')
        self.learner = copy.deepcopy(learner).requires_grad_(False)
        self.rule = rule
        self.steps = steps
        self.batch = batch
        self.first_order = first_order
        self.meta_loss = meta_loss
        self.scaling = scaling
        self.fresh_start = fresh_start
        self._stopped: list[int] = []

    @property
    def exact_gradient(self) -> bool:
        return not self.first_order

    @property
    def diverged(self) -> int:
        """How many trainings were stopped because they diverged, in all meta-training so far."""
        return len(self._stopped)

    def remark(self, tasks: Task) -> str:
        if not self._stopped:
            return ""
        return f"{self.diverged} trainings diverged and were stopped, the earliest at inner step {min(self._stopped)}"

    def by(self, rule: UpdateRule, **changes: Any) -> TrainedBy:
        """The same, trained by another rule; `changes` as in the constructor, `steps=1000` for example."""
        same = ("learner", "steps", "batch", "loss", "first_order", "meta_loss", "scaling", "fresh_start")
        return TrainedBy(rule=rule, **{name: getattr(self, name) for name in same} | changes)

    def start(self) -> Params:
        """theta_0."""
        return fresh(self.learner) if self.fresh_start else dict(self.learner.named_parameters())

    def predict(self, params: Params, x: Tensor) -> Tensor:
        return functional_call(self.learner, params, (x,))

    def batch_loss(self, params: Params, batch: Examples) -> Tensor:
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
        return self.trace(support).params

    def begin_one(self, support: Examples) -> Run:
        """A training of ONE task, before its first step."""
        params, scales = self.start(), {}
        if self.scaling:
            scales = {k: torch.exp(self.scaling * (2 * torch.rand_like(p) - 1)) for k, p in params.items()}
            params = {k: p / scales[k] for k, p in params.items()}
        return Run(params, self.rule.init(params), scales, support.x.new_full((), -1))

    def continue_one(self, run: Run, task: Task, first: int, steps: int) -> tuple[Tensor, Run]:
        """Updates number `first`, `first` + 1, ... of ONE task's training: the query loss after each, and the run."""

        def loss(params: Params, batch: Examples) -> Tensor:
            return self.batch_loss({k: p * run.scales[k] for k, p in params.items()} if run.scales else params, batch)

        losses = []
        for step in range(first, first + steps):
            batch = self.mini_batch(task.support, step)
            after = unroll(loss, self.rule, run.params, [batch], run.state, self.first_order)
            run = _unless_diverged(run, after, step)
            losses.append(loss(run.params, task.query))
        return torch.stack(losses), run

    def begin(self, tasks: Task) -> Run:
        """A stack of trainings, before their first step."""
        check_tasks(tasks)
        return vmap(self.begin_one, randomness="different")(tasks.support)

    def segment(self, runs: Run, tasks: Task, first: int, steps: int) -> tuple[Tensor, Run]:
        """`steps` updates of every training, from number `first` on: query losses (tasks, steps), and the runs."""
        return vmap(self.continue_one, in_dims=(0, 0, None, None))(runs, tasks, first, steps)

    def share(self, losses: Tensor, first: int) -> Tensor:
        """What a segment's losses (..., steps) contribute to the objective: the shares of all segments add up to it."""
        if self.meta_loss == "sum":
            return losses.sum(-1) / self.steps
        return losses[..., -1] * (first + losses.shape[-1] == self.steps)

    def forward(self, tasks: Task | list[Task]) -> Tensor:
        if isinstance(tasks, list):
            return super().forward(tasks)
        losses, runs = self.segment(self.begin(tasks), tasks, 0, self.steps)
        self.count(runs)
        return self.share(losses, 0)

    def count(self, runs: Run) -> None:
        """Take note of the trainings that diverged."""
        if not torch.compiler.is_compiling() and not torch._C._functorch.is_batchedtensor(runs.stopped):
            self._stopped += [int(step) for step in runs.stopped.flatten().tolist() if step >= 0]


def _unless_diverged(run: Run, after: Trace, step: int) -> Run:
    """The run after a step; but its weights as they were, for good, if they left all bounds.

    Gradients at bounded weights are finite, and so is what the rule makes of them: its state can go on.
    """
    farthest = torch.stack([p.abs().amax() for p in after.params.values()]).amax()
    goes_on = (run.stopped < 0) & (farthest < _FAR)  # False for NaN
    stopped = torch.where(goes_on | (run.stopped >= 0), run.stopped, torch.full_like(run.stopped, step))
    params = {k: torch.where(goes_on, p, run.params[k].detach()) for k, p in after.params.items()}
    return Run(params, after.state, run.scales, stopped)


__all__ = ["Run", "TrainedBy"]

"""A fresh learner, trained by an update rule: what meta-trains a learned optimizer, and what tests every optimizer."""

from __future__ import annotations

import copy
import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ..learners import fresh
from ..tasks.task import Examples, Task, check_tasks
from ..update_rules import Params, Trace, UpdateRule, check_rule, unroll
from .base import Loss, MetaLearner

_FAR = 1e4  # a weight beyond it has no way back
_HUGE = 1e10  # nor has a training with such a loss or gradient
_WORST = 1e6  # no query loss counts for more: one bad training must not drown the others


class Run(NamedTuple):
    """Where the training of a learner stands.

    scales: what its weights are multiplied by before use, in meta-training with random scaling. stopped: the step at
    which it diverged, int64, -1 while it did not.
    """

    params: Params
    state: Any
    scales: Params
    stopped: Tensor


class TrainedBy(MetaLearner):
    """Train a learner from fresh weights by `steps` updates of `rule` (Andrychowicz et al., 2016, section 2).

    phi is what the rule is made of. Every task begins anew: weights drawn as nn.Linear draws its own, or those of
    `learner` as they are with `fresh_start=False`. Each update sees the whole support set, or a mini-batch of `batch`
    examples, one after another and again from the first when no whole one is left.

    meta_loss: "sum", the query loss after each update, averaged over updates (the paper's sum over the trajectory,
    divided by its length), or "final", after the last. first_order: the gradients that the rule is given are
    constants (section 2.1 of the paper); switch it off for the exact meta-gradient. scaling: in meta-training every
    weight is measured in a unit of its own, exp of a uniform number in [-scaling, scaling] (Lv et al., 2017).

    A training whose weights, loss or gradient leave all bounds is stopped where it was, and counted (`diverged`); and
    no query loss counts for more than a million. One bad problem must not put a NaN into the rule.
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
        if not isinstance(steps, int) or steps < 1:
            raise ValueError(f"steps={steps}; a training needs a horizon of at least 1, a whole number. Raise steps.")
        if batch is not None and (not isinstance(batch, int) or batch < 1):
            raise ValueError(f"batch={batch}; expected at least 1 example, or None for the whole support set.")
        if not 0 <= scaling < math.inf:
            raise ValueError(f"scaling={scaling}; expected 0, for none, or a positive number such as 3.")
        check_rule(rule)
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
        """How many trainings were stopped because they diverged, in all meta-training since this object was made."""
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
        return Run(params, self.rule.init(params), scales, support.x.new_full((), -1, dtype=torch.int64))

    def continue_one(self, run: Run, task: Task, first: int, steps: int) -> tuple[Tensor, Run]:
        """Updates number `first`, `first` + 1, ... of ONE task's training: the query loss after each, and the run."""

        def loss(params: Params, batch: Examples) -> Tensor:
            return self.batch_loss({k: p * run.scales[k] for k, p in params.items()} if run.scales else params, batch)

        losses = []
        for step in range(first, first + steps):
            batch, guarded = self.mini_batch(task.support, step), _Guarded(self.rule, step)
            after = unroll(loss, guarded, run.params, [batch], (run.state, run.stopped), self.first_order)
            run = Run(after.params, after.state[0], run.scales, after.state[1])
            judged = loss(run.params, task.query)
            losses.append(torch.where(judged < _WORST, judged, _WORST))  # NaN as well
        return torch.stack(losses), run

    def objective(self, task: Task) -> Tensor:
        """The meta-loss of ONE training."""
        return self.share(self.continue_one(self.begin_one(task.support), task, 0, self.steps)[0], 0)

    def begin(self, tasks: Task) -> Run:
        """A stack of trainings, before their first step."""
        check_tasks(tasks)
        return vmap(self.begin_one, randomness="different")(tasks.support)

    def segment(self, runs: Run, tasks: Task, first: int, steps: int) -> tuple[Tensor, Run]:
        """`steps` updates of every training, from number `first` on: query losses (tasks, steps), and the runs."""
        one = vmap(self.continue_one, in_dims=(0, 0, None, None), randomness="different")
        with self._no_running_statistics():
            return one(runs, tasks, first, steps)

    def share(self, losses: Tensor, first: int) -> Tensor:
        """What a segment's losses (..., steps) contribute to the objective: the shares of all segments add up to it."""
        if self.meta_loss == "sum":
            return losses.sum(-1) / self.steps
        return losses[..., -1] * (first + losses.shape[-1] == self.steps)

    def meta_losses(self, losses: Tensor) -> Tensor:
        """What a segment's losses (..., steps) say of the meta-loss: their mean, or for "final" the last of them."""
        return losses.mean(-1) if self.meta_loss == "sum" else losses[..., -1]

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


class _Guarded:
    """`rule`, for a training that may diverge: then it is given zeros, and what it says is not done.

    Zeros, because a `where` around the result alone would let a NaN through on the way back. The rule's state goes on:
    of finite gradients it is finite. Carries (state of the rule, `Run.stopped`).
    """

    def __init__(self, rule: UpdateRule, step: int) -> None:
        self.rule = rule
        self.step = step

    def init(self, params: Params) -> Any:
        raise NotImplementedError("begin_one begins a run.")

    def update(self, params: Params, grads: Params, state: Any, loss: Tensor) -> tuple[Params, Any]:
        state, stopped = state
        small = (_largest(grads) < _HUGE) & (loss.detach().abs() < _HUGE)  # False for NaN
        goes_on = (stopped < 0) & small
        grads = {k: torch.where(goes_on, g, 0.0) for k, g in grads.items()}
        new, state = self.rule.update(params, grads, state, torch.where(goes_on, loss, 0.0))
        goes_on = goes_on & (_largest(new) < _FAR)
        stopped = torch.where(goes_on | (stopped >= 0), stopped, self.step)
        return {k: torch.where(goes_on, p, params[k].detach()) for k, p in new.items()}, (state, stopped)


def _largest(tensors: Params) -> Tensor:
    return torch.stack([t.detach().abs().amax() for t in tensors.values()]).amax()


__all__ = ["Run", "TrainedBy"]

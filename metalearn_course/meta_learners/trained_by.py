"""A fresh learner, trained by an update rule: what meta-trains a learned optimizer, and what tests every optimizer."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap

from ..arguments import whole
from ..learners import DRAWN, fresh
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

    phi is what the rule is made of. Every task begins anew: linear layers and convolutions with weights drawn as they
    draw their own, anything else as it is in `learner`; with `fresh_start=False`, all of it as it is. What is frozen
    in `learner` (requires_grad=False) stays so. Each update sees the whole support set, or a mini-batch of `batch`
    examples, one after another and again from the first when no whole one is left.

    meta_loss: "sum", the query loss after each update, averaged over updates (the paper's sum over the trajectory,
    divided by its length), or "final", after the last. first_order: the gradients that the rule is given are
    constants (as in the paper); switch it off for the exact meta-gradient. scaling: in meta-training every
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
        if not 0 <= scaling < math.inf:
            raise ValueError(f"scaling={scaling}; expected 0, for none, or a positive number such as 3.")
        check_rule(rule)
        if meta_loss not in ("sum", "final"):
            raise ValueError(f'meta_loss={meta_loss!r} is unknown; choose "sum" or "final".')
        self.trainable = tuple(name for name, p in learner.named_parameters() if p.requires_grad)
        _check_learner(learner, fresh_start)
        self.learner = copy.deepcopy(learner).requires_grad_(False)
        self.rule = rule
        self.steps = whole("steps", steps)  # the horizon
        self.batch = None if batch is None else whole("batch", batch)
        self.first_order = first_order
        self.meta_loss = meta_loss
        self.scaling = float(scaling)
        self.fresh_start = fresh_start
        self._stopped: list[int] = []
        self._capped = False

    @property
    def exact_gradient(self) -> bool:
        return not self.first_order

    @property
    def diverged(self) -> int:
        """How many trainings were stopped because they diverged, in all meta-training since this object was made.

        Evolution strategies train every member of a population, and each of these trainings counts.
        """
        return len(self._stopped)

    def remark(self, tasks: Task) -> str:
        remarks = []
        if self._stopped:
            earliest = f"the earliest at inner step {min(self._stopped)}"
            remarks += [f"{self.diverged} trainings diverged and were stopped, {earliest}"]
        if self._capped:
            remarks += [f"losses above {_WORST:,.0f} counted as {_WORST:,.0f}; if that is common, change their unit"]
        return "; ".join(remarks)

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

    def continue_one(self, run: Run, task: Task, first: int, steps: int, sheltered: bool = True) -> tuple[Tensor, Run]:
        """Updates number `first`, `first` + 1, ... of ONE task's training: the query loss after each, and the run.

        sheltered: whether what diverges has no way back to phi, on which an infinite derivative would become NaN. It
        costs a second look at every loss.
        """

        def loss(params: Params, batch: Examples) -> Tensor:
            return self.batch_loss({k: p * run.scales[k] for k, p in params.items()} if run.scales else params, batch)

        losses = []
        for step in range(first, first + steps):
            params, batch = run.params, self.mini_batch(task.support, step)
            if sheltered and not self.first_order:
                params = _sheltered(params, _steady(loss, batch))
            state = run.state, run.stopped
            after = unroll(loss, _Guarded(self.rule, step), params, [batch], state, self.first_order)
            run = Run(after.params, after.state[0], run.scales, after.state[1])
            judges = _sheltered(run.params, lambda p: loss(p, task.query) < _WORST) if sheltered else run.params
            judged = loss(judges, task.query)
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
        """`steps` updates of every training, from number `first` on: query losses (tasks, steps), and the runs.

        If something diverges, it is all done once more, with the same random numbers and sheltered.
        """
        one = vmap(self.continue_one, in_dims=(0, 0, None, None, None), randomness="different")
        with self._no_running_statistics():
            if torch.compiler.is_compiling():  # what depends on values cannot be compiled
                return one(runs, tasks, first, steps, True)
            drawn = torch.get_rng_state()
            losses, after = one(runs, tasks, first, steps, False)
            if torch.is_grad_enabled() and bool((losses >= _WORST).any() or (after.stopped > runs.stopped).any()):
                torch.set_rng_state(drawn)
                losses, after = one(runs, tasks, first, steps, True)
        return losses, after

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
        begun = self.begin(tasks)
        losses, runs = self.segment(begun, tasks, 0, self.steps)
        if self.training and not torch.compiler.is_compiling():
            self.count(losses, begun, runs)
        return self.share(losses, 0)

    def count(self, losses: Tensor, before: Run, after: Run) -> None:
        """Take note of the trainings that diverged in a segment, and of losses at their bound."""
        stopped = after.stopped[before.stopped < 0]
        self._stopped += [int(step) for step in stopped[stopped >= 0]]
        self._capped |= bool((losses[after.stopped < 0] >= _WORST).any())


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
        goes_on = (stopped < 0) & _small(grads, loss)
        grads = {k: torch.where(goes_on, g, 0.0) for k, g in grads.items()}
        new, state = self.rule.update(params, grads, state, torch.where(goes_on, loss, 0.0))
        goes_on = goes_on & (_largest(new) < _FAR)
        stopped = torch.where(goes_on | (stopped >= 0), stopped, self.step)
        return {k: torch.where(goes_on, p, params[k].detach()) for k, p in new.items()}, (state, stopped)


def _sheltered(params: Params, fine: Callable[[Params], Tensor]) -> Params:
    """`params`, and no way back to them where what is computed of them is not `fine`.

    A `where` that replaces a result that is not finite has a gradient of 0 there; but 0 times an infinite derivative
    on the way back is NaN. So the way is closed at its other end.
    """
    if not torch.is_grad_enabled():
        return params
    with torch.no_grad():
        keep = fine(params)
    return {name: torch.where(keep, p, p.detach()) for name, p in params.items()}


def _steady(loss: Callable[[Params, Examples], Tensor], batch: Examples) -> Callable[[Params], Tensor]:
    """Asks whether `batch` gives a gradient by which a step can be taken."""
    return lambda params: _small(*grad_and_value(loss)(params, batch))


def _small(grads: Params, loss: Tensor) -> Tensor:
    """Whether a step can be taken: False for NaN."""
    return (_largest(grads) < _HUGE) & (loss.detach().abs() < _HUGE)


def _check_learner(learner: nn.Module, fresh_start: bool) -> None:
    if not any(p.requires_grad for p in learner.parameters()):
        raise ValueError("The learner has no parameters to train. Give one that has, and that are not frozen.")
    if fresh_start and not any(isinstance(module, DRAWN) for module in learner.modules()):
        kinds = ", ".join(f"nn.{kind.__name__}" for kind in DRAWN)
        raise ValueError(f"The learner has no weights to draw anew: no {kinds}. Set fresh_start=False.")
    largest = max(p.detach().abs().max().item() for p in learner.parameters())
    if not fresh_start and not largest < _FAR:
        raise ValueError(
            f"The learner's largest weight is {largest:.3g}; a training that leaves {_FAR:g} counts as diverged. "
            f"Change the units of its inputs or outputs."
        )


def _largest(tensors: Params) -> Tensor:
    return torch.stack([t.detach().abs().amax() for t in tensors.values()]).amax()


__all__ = ["Run", "TrainedBy"]

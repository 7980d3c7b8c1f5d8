"""The one interface: what is learned from a support set, and how that predicts."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import vmap
from torch.nn.modules.module import register_module_forward_pre_hook

from .._common.trees import stacked
from ..learners import Images
from ..tasks.check import check_tasks, refuse_not_finite
from ..tasks.task import Examples, Task, as_examples, one_task, stack_tasks
from ..update_rules import Trace
from .inputs import INK_ON_PAPER, Look, one_dtype
from .kernels import RECURRENT, no_batching_rule, twice_differentiable
from .losses import Loss, checked
from .predictor import Predictor, in_eval_mode

# How many classes the tasks at hand have, for the length of a call. A method has to be told: under vmap it cannot count
# the labels that `adapt(support)` gets. A context variable, so that threads do not disturb each other.
_WAYS: ContextVar[int | None] = ContextVar("ways", default=None)


class Outcomes(NamedTuple):
    """What meta-training sees of a stack of tasks; every field is (tasks,).

    losses: the objectives. stopped: the inner step at which a task's training was stopped because it diverged, int64,
    -1 where it was not. capped: whether a loss along the way was cut at its bound.
    """

    losses: Tensor
    stopped: Tensor
    capped: Tensor

    @classmethod
    def of(cls, losses: Tensor) -> Outcomes:
        """Of a method that stops and caps nothing."""
        return cls(losses, losses.new_full(losses.shape, -1, dtype=torch.int64), losses.new_zeros(losses.shape).bool())


class MetaLearner(nn.Module):
    """Owns phi, everything that meta-training may change: its parameters.

    A method says, for ONE task, what `adapt` learns from the support set and how `predict` uses it; `adapt` returns
    tensors (also in a dict or a NamedTuple), never a function. Calling the meta-learner on a stack of tasks runs
    both under `vmap`. While it does, `self.ways` is the number of classes of the tasks at hand. A method that adapts
    by gradient steps offers them as `trace(support)`, so that meta_train can name the one that diverges; and one that
    can judge whether a training went well says so in `remark(tasks)`.

    Args:
        loss: (predictions, y) -> scalar, of one task's queries. F.cross_entropy refuses float targets, and F.mse_loss
            and its kin those of another shape than the predictions (`CheckedLoss`); a loss of your own is called as
            it is, so that it may take probabilities, or targets (n,) for predictions (n, 1).
    """

    order_matters: bool = False  # whether what is learned depends on the order of the support set
    one_by_one: bool = False  # tasks in a loop, not under vmap: faster where every task has convolutions of its own
    trained_seconds: float | None = None  # of meta-training so far, as meta_train or the shipped weights say
    about: dict[str, Any] | None = None  # what the shipped weights say about themselves
    _trained_on: Look | None = None  # the first images that were seen in train mode
    _warned: bool = False  # of other ones, once

    def __init__(self, loss: Loss = F.cross_entropy) -> None:
        super().__init__()
        self.loss = checked(loss, type(self).__name__)

    @property
    def ways(self) -> int:
        """How many classes the tasks at hand have, 0 in regression. Known inside `adapt`, `predict` and `objective`."""
        ways = _WAYS.get()
        if ways is None:
            raise RuntimeError(
                f"{type(self).__name__}.ways is known while tasks are at hand only: in a call on a stack of tasks, in "
                f"fit, in the answers of what was fitted. Elsewhere say it: with method.at_work(ways=5): ..."
            )
        return ways

    @property
    def exact_gradient(self) -> bool:
        """Whether the gradient of `objective` is that of its value; check_meta_learner then compares the two."""
        return True

    def embed(self, x: Tensor) -> Tensor:
        """The same for every task, so it runs on a flat batch: (n, ...) -> (n, ...)."""
        return x

    def adapt(self, support: Examples) -> Any:
        """What is learned from one support set (embedded)."""
        raise NotImplementedError(f"{type(self).__name__} needs adapt(support): what is learned from a support set.")

    def predict(self, adapted: Any, x: Tensor) -> Tensor:
        """The answers for one task's (embedded) inputs: (m, ...) -> (m, outputs)."""
        raise NotImplementedError(f"{type(self).__name__} needs predict(adapted, x): the answers for inputs x.")

    def one_hot(self, examples: Examples, ways: int | None = None) -> Tensor:
        """The labels of one task's examples as rows with a single one: (n, ways).

        Args:
            examples: with int64 labels.
            ways: what a method with a fixed number of outputs was built for; episodes may have fewer, but not more.

        Raises:
            ValueError: if the tasks at hand have more classes than that.
            TypeError: for float targets.
        """
        y, at_hand = self.labels(examples), _WAYS.get()
        if ways is not None and at_hand is not None and at_hand > ways:
            raise ValueError(
                f"{type(self).__name__} was built for {ways} ways; the episodes have {at_hand}. "
                f"Build it with ways={at_hand}."
            )
        return F.one_hot(y, ways or self.ways).to(examples.x)

    def labels(self, examples: Examples) -> Tensor:
        """The labels of one task's examples (n,); TypeError for float targets, for which there are no classes."""
        if examples.y.is_floating_point():
            raise TypeError(
                f"{type(self).__name__} tells classes apart; the labels have dtype {examples.y.dtype}. Give labels "
                f"0, 1, ... as torch.int64 (y.long())."
            )
        return examples.y

    def objective(self, task: Task) -> Tensor:
        """What meta-training minimizes on one task: a scalar."""
        return self.loss(self.predict(self.adapt(task.support), task.query.x), task.query.y)

    def trace(self, support: Examples) -> Trace | None:
        """The steps by which ONE task is adapted to; None for a method that takes none."""
        return None

    def remark(self, tasks: Task) -> str:
        """A line for meta_train to print at the end, whose last batch was `tasks`; empty, nothing, by default."""
        return ""

    def forward(self, tasks: Task | list[Task]) -> Tensor:
        """The objective of every task, shape (tasks,). Tasks of unequal size come as a list."""
        if isinstance(tasks, list):
            return torch.cat([self(stack_tasks([task])) for task in tasks])
        return self.outcomes(tasks).losses

    def outcomes(self, tasks: Task) -> Outcomes:
        """The objective of every task of a stack, and what was stopped on the way."""
        losses = self.over_tasks(self.objective, tasks)
        if losses.ndim != 1:
            raise ValueError(
                f"The objective of one task has shape {tuple(losses.shape[1:])}; expected a scalar, shape ()."
            )
        return Outcomes.of(losses)

    def over_tasks(self, function: Callable[[Task], Any], tasks: Task) -> Any:
        """vmap(function) over a stack of tasks, embedded, after checks that would not work inside vmap.

        Args:
            function: ONE embedded task -> tensors.
            tasks: a stack of raw tasks.

        Returns:
            What `function` returns, with one more dimension in front: (tasks, ...).

        Raises:
            ValueError: as of `check_tasks`.
            TypeError: likewise; and if a module with running statistics is used inside.
        """
        if torch.compiler.is_compiling():  # checks that depend on values cannot be compiled
            return self._mapped(function, tasks)
        check_tasks(tasks)
        self._look_at(tasks.support.x, self.training)
        with one_dtype(type(self).__name__, self.parameters(), tasks.support.x):
            return self._mapped(function, tasks)

    def _mapped(self, function: Callable[[Task], Any], tasks: Task) -> Any:
        tasks = self._embedded(tasks)
        with self.at_work(tasks.classes.shape[-1]):
            if self.one_by_one:
                return stacked([function(one_task(tasks, i)) for i in range(len(tasks.classes))])
            with no_batching_rule(self):
                return vmap(function, randomness="different")(tasks)

    def fit(self, support: Examples) -> Predictor:
        """Learn from one support set of raw inputs; the result answers raw inputs. numpy arrays are converted.

        Both happen in eval mode, whatever mode the meta-learner is in: no dropout, and no running statistics that move.
        A norm that always takes the statistics of its batch, such as conv4(norm="batch"), takes them here, too.

        Raises:
            ValueError: as of `check_tasks`; and for inputs or targets that hold NaN or infinity.
            TypeError: likewise; and for inputs of another dtype than the parameters.
        """
        support = as_examples(support)
        refuse_not_finite(support, "support")
        regression = support.y.is_floating_point()
        ways = 0 if regression or not len(support.y) else int(support.y.max()) + 1
        examples = Examples(support.x[None], support.y[None])
        check_tasks(Task(examples, examples, torch.arange(ways)[None]))
        self._look_at(support.x, training=False)
        with in_eval_mode(self), one_dtype(type(self).__name__, self.parameters(), support.x):
            embedded = Examples(self.embed(support.x), support.y)
            with self.at_work(ways):
                shape, shown = tuple(support.x.shape[1:]), Look.at(support.x)
                return Predictor(self, self.adapt(embedded), ways, shown, shape=shape)

    def _embedded(self, tasks: Task) -> Task:
        """Every image of every task through `embed` as one flat batch."""
        (support_x, support_y), (query_x, query_y), classes = tasks
        x = torch.cat([support_x, query_x], dim=1)
        embedded = self.embed(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        shots, queries = support_x.shape[1], query_x.shape[1]
        support_x, query_x = embedded.split([shots, queries], dim=1)
        return Task(Examples(support_x, support_y), Examples(query_x, query_y), classes)

    def _look_at(self, x: Tensor, training: bool) -> None:
        """Note what the first images of training are like, and warn, once, of images that are not like them."""
        if training:
            self._trained_on = self._trained_on or Look.at(x)
        elif not self._warned and (found := Look.at(x)) is not None:
            made_for = INK_ON_PAPER if any(isinstance(module, Images) for module in self.modules()) else found
            if unlike := found.unlike(self._trained_on or made_for):
                self._warned = True
                warnings.warn(f"{type(self).__name__}: {unlike}", stacklevel=2)

    @contextmanager
    def at_work(self, ways: int) -> Iterator[None]:
        """Inside, `self.ways` is `ways`, and a module that would mix tasks is refused by name."""
        token = _WAYS.set(ways)
        try:
            recurrent = any(isinstance(module, RECURRENT) for module in self.modules())
            with self._no_running_statistics(), twice_differentiable(recurrent):
                yield
        finally:
            _WAYS.reset(token)

    @contextmanager
    def _no_running_statistics(self) -> Iterator[None]:
        """Refuse, by name, modules with running statistics: those of several tasks, or of none at hand."""
        keepers = {m: name for name, m in self.named_modules() if getattr(m, "track_running_stats", False)}
        if not keepers:
            yield
            return

        def refuse(module: nn.Module, _: Any) -> None:
            if module in keepers:
                raise TypeError(
                    f"{keepers[module]} ({type(module).__name__}) keeps running statistics, which belong to no single "
                    f'task. Use them in embed only, or a norm without them, as in conv4(..., norm="group").'
                )

        handle = register_module_forward_pre_hook(refuse)
        try:
            yield
        finally:
            handle.remove()

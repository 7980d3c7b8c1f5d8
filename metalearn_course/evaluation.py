"""evaluate: the one yardstick, with its protocol, its interval and its measured dependencies."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import vmap

from .meta_learners.base import MetaLearner
from .meta_learners.reader import Reader
from .meta_learners.trained_by import TrainedBy
from .seeds import FRESH, PROBLEMS, stream
from .tasks.task import Examples, Task, TaskDistribution, check_tasks
from .update_rules import Params, unroll

_CHUNK, _PROBLEMS = 25, 128


def accuracy(predictions: Tensor, y: Tensor) -> Tensor:
    """The share of one task's queries whose largest logit is at the label. predictions (m, ways), y (m,)."""
    if y.is_floating_point():
        raise TypeError(f"accuracy needs labels; y is {y.dtype}, as in regression. Evaluate with metric=mse.")
    return (predictions.argmax(-1) == y).float().mean()


def mse(predictions: Tensor, y: Tensor) -> Tensor:
    """The mean squared error of one task's queries."""
    return F.mse_loss(predictions, y)


class Dependencies(NamedTuple):
    """What one query's answer depends on, as measured."""

    own_support: bool
    other_queries: bool
    other_tasks: bool

    def __str__(self) -> str:
        if self.other_tasks:
            return "leaks: depends on other tasks" + (" and on the other queries" if self.other_queries else "")
        if self.other_queries:
            return "transductive: depends on the other queries"
        return "depends on its own support set only" if self.own_support else "depends on no other example"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A number with everything needed to believe it: `mean` ± `interval` (95% over tasks), protocol, dependencies.

    not_finite: in how many tasks an answer was NaN or infinity, because adaptation diverged. An accuracy would hide it
    (minus infinity is a fair answer: no chance for that class).
    """

    mean: float
    interval: float
    per_task: Tensor = field(repr=False)
    protocol: str
    dependencies: Dependencies
    not_finite: int = 0

    def __str__(self) -> str:
        lost = f"; {self.not_finite} tasks with answers that are not finite" if self.not_finite else ""
        return f"{self.mean:.3f} ± {self.interval:.3f} ({self.protocol}; {self.dependencies}{lost})"


def evaluate(
    meta_learner: MetaLearner,
    tasks: TaskDistribution,
    *,
    metric: Callable[[Tensor, Tensor], Tensor] = accuracy,
    episodes: int = 600,
    seed: int = 1,
) -> Evaluation:
    """Adapt to each of `episodes` tasks and judge the answers to its queries by `metric`, in eval mode.

    Everything random depends on `seed` alone, so two meta-learners with the same seed meet the same tasks. Take another
    seed than in meta-training: of generated tasks the same seed draws the same ones. Tasks go through in chunks, to
    bound the memory. The interval is 1.96 standard errors over tasks: queries of one task are not independent.
    """
    if episodes < 2:
        raise ValueError(f"episodes={episodes}; an interval over tasks needs at least 2.")
    generator = torch.Generator().manual_seed(operator.index(seed))
    scores, not_finite = [], 0
    with in_mode(meta_learner), torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream(seed, FRESH))
        for size in _chunks(episodes):
            batch = tasks.sample(size, generator)
            answers = predictions(meta_learner, batch)
            not_finite += int((answers.isnan() | answers.isposinf()).flatten(1).any(1).sum())
            scores.append(vmap(metric)(answers, batch.query.y))
    per_task = torch.cat(scores)
    return Evaluation(
        mean=per_task.mean().item(),
        interval=half_width(per_task),
        per_task=per_task,
        protocol=f"{tasks.protocol}, {episodes} tasks",
        dependencies=dependencies(meta_learner, tasks),
        not_finite=not_finite,
    )


class InstanceAccuracy(NamedTuple):
    """Entry i of `mean` and of `interval` (95% over episodes) is for examples of a class seen i times before."""

    mean: list[float]
    interval: list[float]
    chance: float


def instance_accuracy(
    reader: Reader, tasks: TaskDistribution, *, episodes: int = 600, seed: int = 1
) -> InstanceAccuracy:
    """Accuracy by how often a class was seen, along sequences of a support set and then its queries.

    Santoro et al. (2016) report it: their 2nd instance is entry 1. At the first, a reader can
    do better than chance by elimination only: the label is one that has not come yet. And where every class comes
    equally often, counting narrows the choice towards the end of a sequence.
    """
    if episodes < 2:
        raise ValueError(f"episodes={episodes}; an interval over episodes needs at least 2.")
    if not isinstance(reader, Reader):
        raise TypeError(f"instance_accuracy follows a Reader along a sequence; {type(reader).__name__} is none.")
    generator = torch.Generator().manual_seed(operator.index(seed))
    right: list[Tensor] = []
    seen: list[Tensor] = []

    def sequence(task: Task) -> tuple[Tensor, Tensor]:
        examples = reader.sequence(task)
        logits = reader.read(examples.x, reader.labels_before(examples))
        before = (examples.y[:, None] == examples.y).tril(-1).sum(-1)
        return logits.argmax(-1) == examples.y, before

    with in_mode(reader), torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream(seed, FRESH))
        for size in _chunks(episodes):
            batch = tasks.sample(size, generator)
            for kept, part in zip((right, seen), reader.over_tasks(sequence, batch), strict=True):
                kept.append(part)
    correct, before = torch.cat(right).float(), torch.cat(seen)
    mean, interval = [], []
    for i in range(int(before.max()) + 1):
        here = before == i
        has_some = here.any(1)
        if has_some.float().mean() < 0.5:
            break
        per_episode = ((correct * here).sum(1) / here.sum(1))[has_some]
        mean.append(per_episode.mean().item())
        interval.append(half_width(per_episode))
    return InstanceAccuracy(mean, interval, 1 / batch.classes.shape[-1])


def curves(trained_by: TrainedBy, tasks: TaskDistribution, *, problems: int = 1000, seed: int = 1) -> Tensor:
    """The query loss before and after every step of `problems` trainings: (problems, steps + 1).

    What `seed` is for: two rules with the same seed meet the same problems and begin from the same weights. These are
    never the problems of meta-training, whatever its seed. A training that diverges is followed wherever it goes; what
    is not a number counts as infinite.
    """
    if not isinstance(trained_by, TrainedBy):
        raise TypeError(f"curves follows the trainings of a TrainedBy; {type(trained_by).__name__} is none.")
    if problems < 2:
        raise ValueError(f"problems={problems}; a mean over problems with an interval needs at least 2.")
    generator, parts = torch.Generator().manual_seed(stream(seed, PROBLEMS)), []
    with in_mode(trained_by), torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream(seed, FRESH))
        for size in _chunks(problems, _PROBLEMS):
            with trained_by._no_running_statistics():
                parts.append(_curves(trained_by, tasks.sample(size, generator)))
    return torch.cat(parts).nan_to_num(nan=torch.inf, posinf=torch.inf)


def _curves(trained_by: TrainedBy, tasks: Task) -> Tensor:
    def over_problems(function: Callable[..., Any], in_dims: Any = 0) -> Callable[..., Any]:
        return vmap(function, in_dims, randomness="different")

    def judged(params: Params, task: Task) -> Tensor:
        return trained_by.batch_loss(params, task.query)

    def updated(params: Params, state: Any, task: Task, step: int) -> tuple[Params, Any]:
        batch = trained_by.mini_batch(task.support, step)
        after = unroll(trained_by.batch_loss, trained_by.rule, params, [batch], state, first_order=True)
        return after.params, after.state

    check_tasks(tasks)
    params = over_problems(lambda _: trained_by.start())(tasks.query.x)
    state = over_problems(trained_by.rule.init)(params)
    losses = [over_problems(judged)(params, tasks)]
    for step in range(trained_by.steps):
        params, state = over_problems(updated, (0, 0, 0, None))(params, state, tasks, step)
        losses.append(over_problems(judged)(params, tasks))
    return torch.stack(losses, dim=1)


def half_width(values: Tensor) -> float:
    """Of the 95% interval around the mean of `values` (n,): 1.96 standard errors."""
    return 1.96 * values.std().item() / math.sqrt(len(values))


def predictions(meta_learner: MetaLearner, tasks: Task) -> Tensor:
    """The answers to every query of a stack of tasks, shape (tasks, m, outputs)."""

    def answer(task: Task) -> Tensor:
        return meta_learner.predict(meta_learner.adapt(task.support), task.query.x)

    return meta_learner.over_tasks(answer, tasks)


def dependencies(meta_learner: MetaLearner, tasks: TaskDistribution, *, train_mode: bool = False) -> Dependencies:
    """Which inputs does the answer to query 0 of task 0 depend on? Measured, not declared.

    Other inputs are replaced one kind at a time: the answer changes, or it does not. And because a change can be too
    small to see, its gradient with respect to them is asked for as well. `train_mode` measures what holds in training.
    """
    generator = torch.Generator().manual_seed(0)
    batch, other = tasks.sample(2, generator), tasks.sample(2, generator)
    kinds = ("own_support", "other_queries", "other_tasks")

    def answer(support_x: Tensor, query_x: Tensor) -> Tensor:
        torch.manual_seed(0)  # a method's own random numbers are no dependence
        stack = Task(Examples(support_x, batch.support.y), Examples(query_x, batch.query.y), batch.classes)
        return predictions(meta_learner, stack)[0, 0]

    masks = {kind: _inputs_of(kind, batch) for kind in kinds}
    with in_mode(meta_learner, train_mode), torch.enable_grad(), torch.random.fork_rng(devices=[]):
        support_x, query_x = (examples.x.detach().requires_grad_() for examples in (batch.support, batch.query))
        before = answer(support_x, query_x)
        grads = torch.autograd.grad(before.sum(), [support_x, query_x], allow_unused=True, materialize_grads=True)
        found = {}
        for kind, (in_support, in_query) in masks.items():
            felt = (grads[0][in_support] != 0).any() or (grads[1][in_query] != 0).any()
            with torch.no_grad():
                swapped = batch.support.x.clone(), batch.query.x.clone()
                swapped[0][in_support], swapped[1][in_query] = other.support.x[in_support], other.query.x[in_query]
                after = answer(*swapped)
            found[kind] = bool(felt) or not torch.allclose(before, after, rtol=1e-4, atol=1e-6)
    return Dependencies(**found)


def _inputs_of(kind: str, batch: Task) -> tuple[Tensor, Tensor]:
    """Masks over (support, query) inputs of two tasks: those that `kind` speaks of, seen from query 0 of task 0."""
    support = torch.zeros(batch.support.x.shape[:2], dtype=torch.bool)
    query = torch.zeros(batch.query.x.shape[:2], dtype=torch.bool)
    if kind == "own_support":
        support[0] = True
    elif kind == "other_queries":
        query[0, 1:] = True
    else:
        support[1], query[1] = True, True
    return support, query


@contextmanager
def in_mode(meta_learner: MetaLearner, train: bool = False) -> Iterator[None]:
    """Every module in eval (or train) mode; each gets its own mode back afterwards, and its buffers."""
    modes = {module: module.training for module in meta_learner.modules()}
    buffers = {name: b.clone() for name, b in meta_learner.named_buffers()}
    meta_learner.train(train)
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        with torch.no_grad():
            for name, b in meta_learner.named_buffers():
                b.copy_(buffers[name])


def _chunks(total: int, size: int = _CHUNK) -> Iterator[int]:
    yield from (min(size, total - done) for done in range(0, total, size))

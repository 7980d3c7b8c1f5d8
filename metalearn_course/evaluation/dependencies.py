"""Which inputs does an answer depend on? Measured, not declared."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..meta_learners.base import MetaLearner
from ..tasks.check import check_distribution, draw
from ..tasks.task import Examples, Task, TaskDistribution
from .memory import few_queries
from .predictions import in_mode, predictions


class Dependencies(NamedTuple):
    """What one query's answer depends on, as measured. known: False where it is NaN, and nothing can be seen."""

    own_support: bool
    other_queries: bool
    other_tasks: bool
    known: bool = True

    def __str__(self) -> str:
        if self.other_tasks:
            return "leaks: depends on other tasks" + (" and on the other queries" if self.other_queries else "")
        if self.other_queries:
            return "transductive: depends on the other queries"
        if not self.known:
            return "on what it depends is not known: the answer is NaN"
        return "depends on its own support set only" if self.own_support else "depends on no other example"


def dependencies(meta_learner: MetaLearner, tasks: TaskDistribution, *, train_mode: bool = False) -> Dependencies:
    """Which inputs does the answer to query 0 of task 0 depend on? Measured, not declared.

    Other examples are replaced one kind at a time: the answer changes, or it does not. First their inputs, then the
    labels of support sets: other numbers in regression; for classes, each label one further, and in reverse order. And
    because a change can be too small to see, its gradient with respect to them is looked at as well. Where the tasks
    hold NaN or infinity, zeros stand for them here: what is measured is the method.

    Where the inputs are large, tasks have ten queries here: a gradient needs many times their memory.

    Args:
        meta_learner: whose answer it is.
        tasks: where two stacks of two tasks are drawn from.
        train_mode: whether to measure in train mode instead of eval mode.

    Returns:
        The `Dependencies`.
    """
    with torch.inference_mode(False):  # a gradient is looked at
        return _measured(meta_learner, tasks, train_mode)


def _measured(meta_learner: MetaLearner, tasks: TaskDistribution, train_mode: bool) -> Dependencies:
    generator = torch.Generator().manual_seed(0)
    check_distribution(tasks)
    batch, other = (_finite(few_queries(draw(tasks, 2, generator))) for _ in range(2))
    kinds = ("own_support", "other_queries", "other_tasks")

    def answer(support_x: Tensor, support_y: Tensor, query_x: Tensor) -> Tensor:
        torch.manual_seed(0)  # the same random numbers for every answer: they are no dependence
        stack = Task(Examples(support_x, support_y), Examples(query_x, batch.query.y), batch.classes)
        return predictions(meta_learner, stack)[0, 0]

    with in_mode(meta_learner, train_mode), torch.enable_grad(), torch.random.fork_rng(devices=[]):
        support_x, query_x = (examples.x.detach().clone() for examples in (batch.support, batch.query))
        smooth = [x.requires_grad_() for x in (support_x, query_x) if x.is_floating_point()]
        before = answer(support_x, batch.support.y, query_x)
        # Whole numbers have no gradient; what is said of them rests on the changes alone.
        grads: tuple[Tensor, ...] = (torch.zeros_like(support_x), torch.zeros_like(query_x))
        if len(smooth) == 2 and before.requires_grad:
            grads = torch.autograd.grad(before.sum(), smooth, allow_unused=True, materialize_grads=True)
        with torch.no_grad():

            def moves(support_x: Tensor, support_y: Tensor, query_x: Tensor) -> bool:
                after = answer(support_x, support_y, query_x)
                return not torch.allclose(before, after, rtol=1e-4, atol=1e-6, equal_nan=True)

            found = {}
            for kind in kinds:
                in_support, in_query = _inputs_of(kind, batch)
                x = torch.where(_like(in_support, batch.support.x), other.support.x, batch.support.x)
                asked = torch.where(_like(in_query, batch.query.x), other.query.x, batch.query.x)
                told = _other_labels(batch, other, in_support)
                found[kind] = (
                    _is_felt(grads[0][in_support])
                    or _is_felt(grads[1][in_query])
                    or moves(x, batch.support.y, asked)
                    or any(moves(batch.support.x, y, batch.query.x) for y in told)
                )
    return Dependencies(**found, known=not bool(before.isnan().all()))


def _finite(tasks: Task) -> Task:
    """The same stack, with zeros for what is NaN or infinite."""

    def finite(examples: Examples) -> Examples:
        return Examples(*(t.nan_to_num(0.0, 0.0, 0.0) if t.is_floating_point() else t for t in examples))

    return tasks._replace(support=finite(tasks.support), query=finite(tasks.query))


def _is_felt(grads: Tensor) -> bool:
    """Whether any derivative is another number than zero; NaN, which zero times infinity also gives, says nothing."""
    return bool(((grads != 0) & ~grads.isnan()).any())


def _other_labels(batch: Task, other: Task, in_support: Tensor) -> list[Tensor]:
    """Other labels for the support examples under the mask (2, n); every class keeps an example."""
    y, ways = batch.support.y, batch.classes.shape[-1]
    if not in_support.any():
        return []
    others = [(y + 1) % ways, y.flip(1)] if ways else [other.support.y]
    return [torch.where(_like(in_support, y), labels, y) for labels in others]


def _like(mask: Tensor, values: Tensor) -> Tensor:
    """A mask (2, n) with as many dimensions as `values` (2, n, ...)."""
    return mask.reshape(*mask.shape, *[1] * (values.ndim - 2))


def _inputs_of(kind: str, batch: Task) -> tuple[Tensor, Tensor]:
    """Masks over the (support, query) inputs of two tasks: those that are of this kind for query 0 of task 0."""
    support = torch.zeros(batch.support.x.shape[:2], dtype=torch.bool)
    query = torch.zeros(batch.query.x.shape[:2], dtype=torch.bool)
    if kind == "own_support":
        support[0] = True
    elif kind == "other_queries":
        query[0, 1:] = True
    else:
        support[1], query[1] = True, True
    return support, query

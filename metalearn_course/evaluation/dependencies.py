"""Which inputs does an answer depend on? Measured, not declared."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..meta_learners.base import MetaLearner
from ..tasks.check import check_distribution, draw
from ..tasks.task import Examples, Task, TaskDistribution
from .predictions import in_mode, predictions


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


def dependencies(meta_learner: MetaLearner, tasks: TaskDistribution, *, train_mode: bool = False) -> Dependencies:
    """Which inputs does the answer to query 0 of task 0 depend on? Measured, not declared.

    Other inputs are replaced one kind at a time: the answer changes, or it does not. And because a change can be too
    small to see, its gradient with respect to them is looked at as well.

    Args:
        meta_learner: whose answer it is.
        tasks: where two stacks of two tasks are drawn from.
        train_mode: whether to measure in train mode instead of eval mode.

    Returns:
        The `Dependencies`.
    """
    generator = torch.Generator().manual_seed(0)
    check_distribution(tasks)
    batch, other = draw(tasks, 2, generator), draw(tasks, 2, generator)
    kinds = ("own_support", "other_queries", "other_tasks")

    def answer(support_x: Tensor, query_x: Tensor) -> Tensor:
        torch.manual_seed(0)  # the same random numbers for every answer: they are no dependence
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

"""What update rules answer to a gradient: the numbers of lesson 08's picture."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import vmap
from torch.utils._pytree import tree_map

from ..evaluation import in_mode
from ..meta_learners import TrainedBy
from ..tasks.check import check_tasks
from ..tasks.task import Task, TaskDistribution
from ..update_rules import Params, UpdateRule, training_steps
from ..update_rules.coordinates import flat, shaped

SMALLEST = 1e-6


class _Moment(NamedTuple):
    """What an update rule is given."""

    params: Params
    grads: Params
    state: Any
    loss: Tensor


class Responses(NamedTuple):
    """What rules answer to gradients.

    steps: numbers of updates, the first being 1. gradients: those asked about, (n,). updates: for each rule, what
    would be added to the coordinate asked, (steps, n). pairs: gradients and updates as they came, for each rule
    (steps, problems, coordinates, 2). coordinate: the one that was asked, of problem 0.
    """

    steps: tuple[int, ...]
    gradients: Tensor
    updates: dict[str, Tensor]
    pairs: dict[str, Tensor]
    coordinate: int

    def actual(self, rule: str) -> Tensor:
        """The gradient that the coordinate asked really had, and its update: (steps, 2)."""
        return self.pairs[rule][:, 0, self.coordinate]


def signed_log(x: Any, smallest: float = SMALLEST) -> np.ndarray:
    """sign(x) log10(1 + |x| / smallest): where x stands on an axis that shows both signs and all sizes; 0 is at 0."""
    array = np.asarray(x, dtype=float)
    return np.sign(array) * np.log10(1 + np.abs(array) / smallest)


@torch.no_grad()
def update_responses(
    rules: Mapping[str, UpdateRule],
    trainer: TrainedBy,
    tasks: TaskDistribution,
    steps: Sequence[int] = (1, 20, 80),
    gradients: Tensor | None = None,
    coordinate: int = 0,
    problems: int = 64,
    seed: int = 0,
) -> Responses:
    """Train by each rule, stop before update k of `steps`, and ask: what would the update be if the gradient were g?

    Asked is one `coordinate` of the first problem: its gradient is replaced by each of `gradients`, and all else stays
    as it is: the rule's state, the weights, the loss and the other gradients. By default the gradients are 0 and, in
    equal steps of their logarithm, ±10^-6 to ±100. All rules meet the same `problems` and begin at the same weights;
    `trainer` says how to train, its own rule is not used. Questions are answered in double precision, since the
    difference of two float32 weights would not show the smallest updates.
    """
    if not steps or min(steps) < 1 or list(steps) != sorted(set(steps)):
        raise ValueError(f"steps={tuple(steps)}; expected numbers of updates from 1, each once and in order.")
    if problems < 1:
        raise ValueError(f"problems={problems}; expected at least 1. Raise problems.")
    if gradients is None:
        sizes = torch.logspace(math.log10(SMALLEST), 2, 41, dtype=torch.float64)
        gradients = torch.cat([-sizes.flip(0), sizes.new_zeros(1), sizes])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        drawn = tasks.sample(problems, torch.Generator().manual_seed(seed))
        check_tasks(drawn)
        start = vmap(lambda _: trainer.start(), randomness="different")(drawn.support.x)
    count = sum(p[0].numel() for p in start.values())
    if not 0 <= coordinate < count:
        raise ValueError(f"coordinate={coordinate}; the learner has {count} weights. Choose one of 0 to {count - 1}.")

    updates, pairs = {}, {}
    for name, rule in rules.items():
        asked = copy.deepcopy(rule).double() if isinstance(rule, nn.Module) else rule
        answers, came = [], []
        for moment in _moments(trainer.by(rule), start, drawn, steps):
            of_first = tree_map(lambda t: t[0], moment)
            answers.append(vmap(_instead, (None, None, None, 0))(asked, of_first, coordinate, gradients.double()))
            came.append(vmap(_pairs, (None, 0))(asked, moment))
        updates[name], pairs[name] = torch.stack(answers), torch.stack(came)
    return Responses(tuple(steps), gradients, updates, pairs, coordinate)


def _moments(run: TrainedBy, starts: Params, tasks: Task, asked: Sequence[int]) -> list[_Moment]:
    """A stack of trainings, as they are when the rule is asked for the updates `asked`; in double precision."""

    def one(start: Params, task: Task) -> list[_Moment]:
        state, moments = run.rule.init(start), []
        batches = [run.mini_batch(task.support, step) for step in range(asked[-1])]
        training = training_steps(run.batch_loss, run.rule, start, batches, state, first_order=True)
        for update, (taken, _, after) in enumerate(training, 1):
            if update in asked:
                moments.append(_Moment(taken.params, taken.grads, state, taken.loss))
            state = after
        return moments

    with in_mode(run):
        moments = vmap(one)(starts, tasks)
    return tree_map(lambda t: t.double() if t.is_floating_point() else t, moments)


def _update(rule: UpdateRule, moment: _Moment) -> Tensor:
    """What the rule adds to every coordinate: (n,)."""
    return flat(rule.update(*moment)[0], moment.params) - flat(moment.params, moment.params)


def _pairs(rule: UpdateRule, moment: _Moment) -> Tensor:
    """Every coordinate's gradient and update: (n, 2)."""
    return torch.stack([flat(moment.grads, moment.params), _update(rule, moment)], -1)


def _instead(rule: UpdateRule, moment: _Moment, coordinate: int, gradient: Tensor) -> Tensor:
    """What the rule would add to a coordinate if it had another gradient."""
    grads = flat(moment.grads, moment.params)
    grads = torch.where(torch.arange(len(grads)) == coordinate, gradient, grads)
    return _update(rule, moment._replace(grads=shaped(grads, moment.params)))[coordinate]

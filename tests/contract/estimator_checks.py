"""What every estimator of the outer gradient is held to."""

from __future__ import annotations

import copy
import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_leaves

from metalearn_course import Sinusoids, meta_train
from tests.contract.registry import Kind
from tests.helpers.tasks import doubled, waves
from tests.helpers.trainings import (
    EXACT,
    PHI,
    T,
    drifting,
    interval,
    one_training,
    phi_of,
    small_network,
    squared,
    truncated_by_hand,
)


def steps_of(estimator, meta_learner, tasks, number):
    """(grads, losses, s) of `number` steps at the same phi."""
    torch.manual_seed(0)
    phi, s, taken = phi_of(meta_learner), estimator.init(meta_learner, tasks), []
    for _ in range(number):
        grads, losses, s = estimator.step(meta_learner, phi, tasks, s)
        taken.append((grads, losses, s))
    return taken


def gradients_are_named_and_shaped_as_phi(kind: Kind) -> None:
    meta_learner = small_network()
    for grads, losses, _ in steps_of(kind.make(0.01, 3), meta_learner, doubled(waves()), 4):
        assert {k: g.shape for k, g in grads.items()} == {k: p.shape for k, p in phi_of(meta_learner).items()}
        assert all(g.isfinite().all() and not g.requires_grad for g in grads.values())
        assert losses.shape == (3,) and losses.isfinite().all() and not losses.requires_grad


def state_is_a_tree_of_tensors_of_one_form(kind: Kind) -> None:
    """Detached, and with the same names, shapes and dtypes from init on: a checkpoint fits what it is loaded into."""
    estimator, meta_learner, tasks = kind.make(0.01, 3), small_network(), doubled(waves())
    first = estimator.init(meta_learner, tasks)
    for s in [first, *(s for _, _, s in steps_of(estimator, meta_learner, tasks, 7))]:
        assert all(isinstance(leaf, Tensor) and not leaf.requires_grad for leaf in tree_leaves(s))
        assert tree_flatten(s)[1] == tree_flatten(first)[1]
        assert [(x.shape, x.dtype) for x in tree_leaves(s)] == [(x.shape, x.dtype) for x in tree_leaves(first)]


def a_step_leaves_what_it_is_given_as_it_is(kind: Kind) -> None:
    estimator, meta_learner, tasks = kind.make(0.01, 3), small_network(), doubled(waves())
    s = estimator.init(meta_learner, tasks)
    for _ in range(3):
        given = (meta_learner.state_dict(), tasks, s)
        before = copy.deepcopy([x.detach().clone() for x in tree_leaves(given)])
        _, _, s = estimator.step(meta_learner, phi_of(meta_learner), tasks, s)
        assert all(torch.equal(a, b) for a, b in zip(tree_leaves(given), before, strict=True))
        assert all(p.grad is None for p in meta_learner.parameters())


def same_seed_same_result(kind: Kind) -> None:
    """Also by an estimator that was at work before: what it carries is in `s` and nowhere else."""
    estimator, meta_learner, tasks = kind.make(0.01, 3), small_network(), doubled(waves())
    runs = [steps_of(one, meta_learner, tasks, 4) for one in (estimator, estimator, kind.make(0.01, 3))]
    for again in runs[1:]:
        assert all(torch.equal(a, b) for a, b in zip(tree_leaves(again), tree_leaves(runs[0]), strict=True))


def period_is_one_training_and_keeps_its_tasks(kind: Kind) -> None:
    """Tasks of later steps are loss to a training under way; their y is 100. After a period they count."""
    estimator, meta_learner, other = kind.make(1e-4, 4), drifting(), squared()
    other.query.y.add_(100)
    period = estimator.period(meta_learner)
    cut = kind.truncation or T
    assert period == math.ceil(T / cut)
    torch.manual_seed(0)
    phi, s = phi_of(meta_learner), estimator.init(meta_learner, squared())
    for number in range(period + 1):
        _, losses, s = estimator.step(meta_learner, phi, squared() if number == 0 else other, s)
        target, segment = (0, number) if number < period else (100, 0)
        done = range(cut * segment + 1, min(cut * (segment + 1), T) + 1)
        by_hand = sum((t * PHI - target) ** 2 for t in done) / len(done)
        assert losses.item() == pytest.approx(by_hand, rel=1e-2)


def gradient_of_a_quadratic_is_its_closed_form(kind: Kind) -> None:
    """theta_t = t phi, the meta-loss the mean of its square: quadratic in phi, so that smoothing leaves its gradient.

    Exact, or, where a truncation does not see what earlier segments did, the number that this leaves, by hand. What is
    drawn is measured 16 times, and the means lie within their intervals, which are small.
    """
    want = truncated_by_hand(kind.truncation) if kind.blind else EXACT
    torch.manual_seed(0)
    estimator, meta_learner = kind.make(0.1, 1250), drifting()
    found = [one_training(estimator, meta_learner, squared())["rule.phi"] for _ in range(16 if kind.drawn else 1)]
    if not kind.drawn:
        assert found[0].item() == pytest.approx(want, rel=1e-9)
        return
    mean, half = interval(torch.stack(found))
    assert abs(mean - want) < 1.5 * half and half < 0.05 * EXACT
    assert not kind.blind or EXACT - mean > 10 * half


def gradient_is_taken_at_phi_and_not_at_the_modules_own(kind: Kind) -> None:
    """The gradient is linear in phi: at 2 phi it is twice as large, though the module holds phi."""
    estimator, meta_learner = kind.make(1e-3, 4), drifting()
    ends = []
    for factor in (1.0, 2.0):
        torch.manual_seed(0)
        phi = {"rule.phi": torch.tensor(factor * PHI, dtype=torch.float64, requires_grad=True)}
        ends.append(estimator.step(meta_learner, phi, squared(), ())[0]["rule.phi"])
    assert ends[1].item() == pytest.approx(2 * ends[0].item(), rel=1e-6)


def resumed_within_a_training_bit_for_bit(kind: Kind) -> None:
    """5 steps, and 2 steps and the rest from the file: particles, rule state and sums are in it."""
    phi = []
    with tempfile.TemporaryDirectory() as folder:
        for stops in ((5,), (2, 5)):
            path = Path(folder) / f"{len(stops)}.pt"
            for steps in stops:
                meta_learner = small_network().float()
                options = {"meta_batch": 2, "estimator": kind.make(0.01, 3), "checkpoint": path, "progress": False}
                meta_train(meta_learner, Sinusoids(), steps, **options)
            phi.append([p.clone() for p in meta_learner.parameters()])
    assert all(torch.equal(one, two) for one, two in zip(*phi, strict=True))


CHECKS: list[Callable[[Kind], None]] = [
    gradients_are_named_and_shaped_as_phi,
    state_is_a_tree_of_tensors_of_one_form,
    a_step_leaves_what_it_is_given_as_it_is,
    same_seed_same_result,
    period_is_one_training_and_keeps_its_tasks,
    gradient_of_a_quadratic_is_its_closed_form,
    gradient_is_taken_at_phi_and_not_at_the_modules_own,
    resumed_within_a_training_bit_for_bit,
]

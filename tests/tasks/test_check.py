"""Tasks at the door: what a distribution of one's own may lack, each with its line."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import metalearn_course
from metalearn_course import (
    MAML,
    SGD,
    Examples,
    LSTMReader,
    NearestNeighbor,
    Sinusoids,
    Task,
    TrainedBy,
    check_meta_learner,
    check_tasks,
    compare,
    curves,
    evaluate,
    instance_accuracy,
    meta_train,
    mlp,
    mse,
)
from metalearn_course.tasks import PointClouds, one_task, stack_tasks
from metalearn_course.tasks.check import draw


class Own:
    """Clusters, by a class of one's own, which may do something to the stack."""

    protocol = "clusters of my own"

    def __init__(self, alter=lambda stack: stack):
        self.alter, self.asked = alter, 0

    def sample(self, tasks, generator):
        self.asked += 1
        return self.alter(PointClouds().sample(tasks, generator))


class Waves(Own):
    def sample(self, tasks, generator):
        return self.alter(Sinusoids().sample(tasks, generator))


def always_four(stack):
    return PointClouds().sample(4, torch.Generator().manual_seed(0))


def numpys(stack):
    return stack._replace(support=Examples(stack.support.x.numpy(), stack.support.y))


def unequal(stack):
    return [one_task(stack, i) for i in range(len(stack.classes))]


class ByTheWay(Own):
    """Noise from torch's global generator, which no seed of evaluate decides."""

    def sample(self, tasks, generator):
        stack = super().sample(tasks, generator)
        return stack._replace(query=Examples(stack.query.x + torch.randn(stack.query.x.shape), stack.query.y))


class WithNumpy(Own):
    def sample(self, tasks, generator):
        return PointClouds().sample(tasks, torch.Generator().manual_seed(int(np.random.randint(2**31))))


class AugmentedClouds(PointClouds):
    """A kind of the course's own that leaves the generator aside."""

    def sample(self, tasks, generator):
        stack = super().sample(tasks, generator)
        return stack._replace(support=Examples(stack.support.x * torch.rand(1), stack.support.y))


FOUR = r"Own.sample\(\d+, generator\) gave support.y of shape \(4, 6\); expected a stack of \d+ tasks, \(\d+, "
SAME = r"sample draws other tasks when it is asked again with the same seed; .*torch.randn\(..., generator=generator\)"
REFUSED = {
    "as many as it likes": (Own(always_four), ValueError, FOUR),
    "one task": (
        Own(lambda stack: one_task(stack, 0)),
        ValueError,
        r"gave support.y of shape \(6,\); .* stack_tasks\(list\) makes a stack of single ones",
    ),
    "one wave": (
        Waves(lambda stack: one_task(stack, 0)),
        ValueError,
        r"gave support.y of shape \(10, 1\); expected a s",
    ),
    "a list": (
        Own(unequal),
        TypeError,
        r"Own.sample\(2, generator\) gave a list of 2 tasks; expected a stack, .*stack_tasks .*of equal size.* unequal",
    ),
    "no classes": (
        Waves(lambda stack: stack._replace(classes=None)),
        TypeError,
        r"gave classes is None; expected a torch.Tensor. .*in regression, torch.empty\(tasks, 0, dtype=torch.int64\)",
    ),
    "no tuple of this course": (
        Own(lambda stack: tuple(stack)),
        TypeError,
        "gave a tuple of 3 tasks; expected a stack, one Task",
    ),
    "nothing": (Own(lambda stack: None), TypeError, r"gave NoneType; expected a stack, Task\(Examples\(x, y\), "),
    "pairs": (
        Own(lambda stack: stack._replace(query=(1, 2))),
        TypeError,
        r"gave query is tuple; expected Examples\(x, y\). Make it one",
    ),
    "numpy": (
        Own(numpys),
        TypeError,
        r"gave support.x is numpy.ndarray; expected a torch.Tensor. Convert it: torch.as_tensor\(...\), float32",
    ),
    "the global generator": (ByTheWay(), ValueError, f"ByTheWay.{SAME}"),
    "numpy's generator": (WithNumpy(), ValueError, f"WithNumpy.{SAME}"),
    "a kind of ours": (AugmentedClouds(), ValueError, f"AugmentedClouds.{SAME}"),
    "labels": (
        Own(lambda stack: stack._replace(classes=stack.classes[:, :2])),
        ValueError,
        "support label 2 is out of range; a 2-way episode",
    ),
    "no protocol": (
        SimpleNamespace(sample=PointClouds().sample),
        TypeError,
        'SimpleNamespace has no protocol in words; .*Give the class one: protocol = "my tasks, 5 shots"',
    ),
    "a number as protocol": (SimpleNamespace(sample=PointClouds().sample, protocol=3), TypeError, "no protocol in wor"),
    "a class": (PointClouds, TypeError, r"tasks is the class PointClouds; expected a distribution"),
}
refused = pytest.mark.parametrize(("tasks", "error", "message"), REFUSED.values(), ids=REFUSED)

DOORS = {
    "check_tasks": check_tasks,
    "evaluate": lambda tasks: evaluate(NearestNeighbor(), tasks, episodes=60),
    "compare": lambda tasks: compare({"a": NearestNeighbor()}, tasks, episodes=60),
    "meta_train": lambda tasks: meta_train(MAML(mlp(4, 3)), tasks, 2, meta_batch=25, progress=False),
    "check_meta_learner": lambda tasks: check_meta_learner(NearestNeighbor, tasks),
    "curves": lambda tasks: curves(TrainedBy(mlp(4, 3), SGD(0.1), 2), tasks, problems=8),
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@refused
def test_what_would_give_a_wrong_number_is_refused_at_every_door(tasks, error, message, door):
    if door is DOORS["curves"] and isinstance(tasks, PointClouds):
        pytest.skip("curves lets kinds of the course's own note what they draw, as lesson 08 does")
    with pytest.raises(error, match=message) as caught:
        door(tasks)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "tasks",
    [Own(), Waves(), Sinusoids(), PointClouds(), Waves(lambda s: s._replace(support=s.query))],
    ids=["own", "waves", "sinusoids", "clouds", "support as query"],
)
def test_good_ones_pass(tasks):
    assert check_tasks(tasks) is None


def test_nothing_else_is_disturbed():
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="same seed"):
        check_tasks(ByTheWay())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_distribution_is_looked_at_once():
    own = Own()
    evaluate(NearestNeighbor(), own, episodes=4)
    first = own.asked
    evaluate(NearestNeighbor(), own, episodes=4)
    assert first == 2 + 1 + 2 and own.asked - first == 1 + 2  # the look; the episodes; two for dependencies
    check_tasks(own)
    assert own.asked == first + 3 + 2  # asked for by name, it is done again
    again = Own()
    evaluate(NearestNeighbor(), again, episodes=4)
    assert again.asked == first


def test_one_that_knows_no_weak_reference_is_looked_at_each_time():
    class Slots:
        __slots__ = ("asked",)
        protocol = "with slots"

        def sample(self, tasks, generator):
            self.asked += 1
            return PointClouds().sample(tasks, generator)

    own = Slots()
    own.asked = 0
    for _ in range(2):
        evaluate(NearestNeighbor(), own, episodes=4)
    assert own.asked == 2 * 5


def test_nan_in_a_task_is_not_taken_for_another_task():
    def spoiled(stack):
        stack.query.y[0, 0] = torch.nan
        return stack

    check_tasks(Waves(spoiled))


def test_who_gives_too_few_later_on_is_caught_by_the_count():
    """Four tasks at most, as a sampler does that has no more of them: two are given, and 25 are not."""
    few = Own(lambda stack: Task(*(Examples(e.x[:4], e.y[:4]) for e in stack[:2]), stack.classes[:4]))
    check_tasks(few)
    for call in (
        lambda: evaluate(NearestNeighbor(), few, episodes=600),
        lambda: meta_train(MAML(mlp(4, 3)), few, 2, progress=False),
        lambda: instance_accuracy(LSTMReader(4, 3, hidden=8), few),
    ):
        with pytest.raises(ValueError, match=r"Own.sample\(25, generator\) gave support.y of shape \(4, 6\); expected"):
            call()


def test_in_curves_a_kind_of_ours_may_note_what_it_draws():
    """As lesson 08 does: one note for each problem, in the order of the rows."""
    noted = []

    class Noted(PointClouds):
        def sample(self, tasks, generator):
            noted.append(tasks)
            return super().sample(tasks, generator)

    curves(TrainedBy(mlp(4, 3), SGD(0.1), 2), Noted(), problems=200)
    assert noted == [128, 72]


def test_a_method_minus_itself_is_zero():
    own, method = Own(), NearestNeighbor()
    rows = compare({"a": method, "b": method}, own, episodes=50)
    assert rows[0].difference == (0.0, 0.0) and rows[1].difference is None
    assert len(rows[0].result.per_task) == 50


def test_draw_gives_what_sample_gives():
    generators = [torch.Generator().manual_seed(5) for _ in range(2)]
    stack, same = draw(PointClouds(), 3, generators[0]), PointClouds().sample(3, generators[1])
    assert torch.equal(stack.support.x, same.support.x) and torch.equal(stack.query.y, same.query.y)


def test_a_stack_taken_for_a_distribution_is_named():
    stack = Sinusoids().sample(2, torch.Generator().manual_seed(0))
    with pytest.raises(TypeError, match="tasks is Task; expected a distribution of tasks with a sample method"):
        evaluate(MAML(mlp(1, 1), loss=F.mse_loss), stack, metric=mse)


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (lambda s: unequal(s), r"a list of 3 tasks; expected a stack"),
        (lambda s: None, "tasks is NoneType; expected a stack"),
        (lambda s: s._replace(classes=None), "classes is None; expected a torch.Tensor"),
        (numpys, "support.x is numpy.ndarray; expected a torch.Tensor"),
    ],
)
def test_stacks_of_another_kind_are_named_in_a_call_too(stack, message):
    stack = stack(PointClouds().sample(3, torch.Generator().manual_seed(0)))
    for call in (check_tasks, lambda tasks: NearestNeighbor().over_tasks(lambda task: task.query.y, tasks)):
        with pytest.raises(TypeError, match=re.escape(message)):
            call(stack)


def test_a_single_regression_task_is_no_stack_of_its_points():
    """Ten points of shape (10, 1) look like ten tasks of one point; classes of shape (0,) give it away."""
    wave = one_task(Sinusoids().sample(1, torch.Generator().manual_seed(0)), 0)
    with pytest.raises(ValueError, match=r"classes have shape \(0,\) .*; 10 tasks need \(tasks, ways\)"):
        check_tasks(wave)
    check_tasks(stack_tasks([wave]))


def test_the_protocol_of_distributions_is_public():
    assert {"TaskDistribution", "check_tasks"} <= set(metalearn_course.__all__)
    assert "check_tasks(distribution)" in metalearn_course.TaskDistribution.__doc__

"""check_meta_learner rejects, by name, a method that lacks one of its properties."""

import random

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from metalearn_course import (
    MAML,
    SGD,
    Examples,
    NearestNeighbor,
    Sinusoids,
    TrainedBy,
    check_meta_learner,
    conv4,
    mlp,
)
from metalearn_course.tasks.check import check_tasks
from metalearn_course.tasks.point_clouds import PointClouds
from metalearn_course.testing import CheckError


def test_it_takes_ones_own_tasks():
    class Images:
        protocol = "images of noise"

        def sample(self, tasks, generator):
            stack = PointClouds(ways=2, shots=1, queries=1, dimensions=784).sample(tasks, generator)
            support, query = (Examples(e.x.unflatten(2, (1, 28, 28)), e.y) for e in stack[:2])
            return stack._replace(support=support, query=query)

    check_meta_learner(lambda: MAML(conv4(2, width=8), lr=0.01), Images())


class SeesOtherTasks(NearestNeighbor):
    """1. vmap equals the loop."""

    def embed(self, x):
        flat = super().embed(x)
        return flat / flat.std()


class FitsOtherwise(NearestNeighbor):
    """2. `fit` equals the stack."""

    def fit(self, support):
        return super().fit(Examples(support.x, support.y.flip(0)))


class Whimsical(MAML):
    """3. The same seed gives the same result: off by a whisker, and not by torch's random numbers."""

    def predict(self, params, x):
        return super().predict(params, x) * (1 + 1e-6 * random.random())


class CountsAlong(NearestNeighbor):
    """4. An answer does not depend on the order of the queries."""

    def predict(self, adapted, x):
        return super().predict(adapted, x) + torch.arange(len(x))[:, None]


class ForgetsTheHessian(MAML):
    """5. The meta-gradient equals finite differences: a first-order method that does not say so."""

    def adapt(self, support):
        self.first_order = True
        adapted = super().adapt(support)
        del self.first_order
        return adapted

    first_order = False


class RemembersOutside(MAML):
    """6. A resumed training continues bit for bit: a state that no checkpoint sees."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.seen = []

    def objective(self, task):
        if self.training:
            self.seen.append(None)
        return super().objective(task) * (1 + len(self.seen) % 3 if self.training else 1)


class GoesByTheFirst(NearestNeighbor):
    """7. The order of the support set does not matter, it says; but the first example sets the scale."""

    def adapt(self, support):
        remembered = super().adapt(support)
        return remembered._replace(features=remembered.features + 0.01 * support.x[0])


class OnlySaysSo(NearestNeighbor):
    """7. The order of the support set matters, it says."""

    order_matters = True


class SaysTheTruth(GoesByTheFirst):
    order_matters = True


def sine(method, **options):
    return lambda: method(mlp(1, 8, 1), lr=0.1, loss=F.mse_loss, **options)


def random_start():
    return TrainedBy(mlp(4, 3), SGD(0.1), steps=2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (random_start, "the objective of the same tasks differs with the random numbers.*fresh_start=False"),
        (SeesOtherTasks, "the objective under vmap and a loop over the tasks differ"),
        (FitsOtherwise, "fit on task 0 and the stack differ"),
        (sine(Whimsical), "Two runs with the same seed differ"),
        (CountsAlong, "the answers to reversed queries and the reversed answers differ"),
        (sine(ForgetsTheHessian), "the meta-gradient and finite differences differ"),
        (GoesByTheFirst, "the answers after a reversed support set and those before differ"),
        (OnlySaysSo, "OnlySaysSo has order_matters = True; its answers stay the same"),
        (sine(RemembersOutside), "differs between 4 steps in one run and 2 [+] 2 resumed"),
    ],
)
def test_every_property_rejects_a_method_that_lacks_it(make, message):
    random.seed(0)
    with pytest.raises(CheckError, match=message):
        check_meta_learner(make)


def test_an_order_that_matters_may_be_owned_up_to():
    check_meta_learner(SaysTheTruth)


def test_a_wrong_shape_is_named():
    class Flat(NearestNeighbor):
        def fit(self, support):
            predictor = super().fit(support)
            return lambda x: predictor(x).flatten()

    with pytest.raises(CheckError, match=r"fit on task 0 has shape \(36,\); the stack has \(12, 3\)"):
        check_meta_learner(Flat)


def test_batch_statistics_leak_across_tasks_and_are_found():
    class Normed(NearestNeighbor):
        def __init__(self):
            super().__init__(nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8, track_running_stats=False)))

    with pytest.raises(CheckError, match="vmap"):
        check_meta_learner(Normed)


def test_clusters_are_tasks_of_separate_clouds():
    """Centers have variance 2^2 a coordinate, points of one class variance 1 around them."""
    stack = PointClouds(ways=4, shots=50, queries=3, dimensions=2).sample(200, torch.Generator().manual_seed(0))
    check_tasks(stack)
    assert stack.support.x.shape == (200, 200, 2) and stack.query.x.shape == (200, 12, 2)
    of_class = stack.support.x.unflatten(1, (4, 50))
    assert of_class.var(2).mean().item() == pytest.approx(1, rel=0.05)
    assert of_class.mean(2).var(1).mean().item() == pytest.approx(4 + 1 / 50, rel=0.15)
    assert Sinusoids().protocol != PointClouds().protocol

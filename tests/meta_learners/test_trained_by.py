"""What TrainedBy trains of a learner, from where, and what it refuses; its curves."""

import math
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from metalearn_course import MAML, SGD, Examples, Quadratics, TrainedBy, curves
from metalearn_course.learners import Frozen, fresh
from metalearn_course.tasks import summed_squares


def wide(weight):
    """A layer with one weight."""
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, weight)
    return layer


@pytest.mark.parametrize("fresh_start", [True, False])
def test_what_is_frozen_in_a_learner_stays(fresh_start):
    """A trained encoder in front of the learner is the same before and after, and no rule sees it."""
    torch.manual_seed(0)
    encoder = nn.Linear(3, 4)
    learner = nn.Sequential(Frozen(encoder), nn.Linear(4, 2))
    trained_by = TrainedBy(learner, SGD(0.1), steps=3, fresh_start=fresh_start)
    for one in (trained_by, trained_by.by(SGD(0.2)), MAML(learner, lr=0.1)):
        assert set(one.start()) == {"1.weight", "1.bias"}
        support = Examples(torch.randn(5, 3), torch.randint(2, (5,)))
        adapted = one.adapt(support)
        head = {name.removeprefix("1."): p for name, p in adapted.items()}
        by_hand = F.linear(encoder(support.x), head["weight"], head["bias"])
        torch.testing.assert_close(one.predict(adapted, support.x), by_hand)


def test_tied_weights_are_drawn_once():
    learner = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    learner[2].weight = learner[0].weight
    trained_by = TrainedBy(learner, SGD(0.1), steps=2, loss=F.mse_loss)
    params = trained_by.start()
    assert set(params) == {"0.weight", "0.bias", "2.bias"}
    x = torch.randn(3, 4)
    by_hand = F.linear(F.linear(x, params["0.weight"], params["0.bias"]).tanh(), params["0.weight"], params["2.bias"])
    torch.testing.assert_close(trained_by.predict(params, x), by_hand)


@pytest.mark.parametrize("layer", [nn.Conv1d(2, 3, 2), nn.Conv2d(2, 3, 2), nn.Conv3d(2, 3, 2), nn.Linear(4, 3)])
def test_fresh_weights_lie_where_the_layer_itself_draws_them(layer):
    """Uniform within 1 / sqrt(fan-in): the bound from the layer's own many draws, the mean of squares bound^2 / 3."""
    torch.manual_seed(0)
    bound = max(p.abs().max().item() for _ in range(300) for p in (layer.reset_parameters(), layer.weight)[1:])
    drawn = torch.stack([fresh(layer)["weight"] for _ in range(300)])
    assert drawn.abs().max().item() == pytest.approx(bound, rel=0.02)
    assert drawn.square().mean().item() == pytest.approx(bound**2 / 3, rel=0.1)


@pytest.mark.parametrize(
    ("learner", "options", "says"),
    [
        (nn.Embedding(3, 2), {}, "no weights to draw anew: no nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d. Set fresh"),
        (nn.ReLU(), {}, "no parameters to train"),
        (nn.Linear(2, 2).requires_grad_(False), {}, "no parameters to train"),
        (wide(2e4), {"fresh_start": False}, "largest weight is 2e+04; a training that leaves 10000 counts as diverged"),
        (wide(math.nan), {"fresh_start": False}, "largest weight is nan"),
    ],
)
def test_learners_that_cannot_be_trained_are_refused(learner, options, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        TrainedBy(learner, SGD(0.1), **options)


def test_whole_numbers_may_come_from_numpy():
    trained_by = TrainedBy(nn.Linear(2, 2), SGD(0.1), np.int64(7), np.int32(3))
    assert (trained_by.steps, trained_by.batch) == (7, 3) and type(trained_by.steps) is int


class Noisy(SGD):
    """Gradient descent that trembles."""

    def update(self, params, grads, state, loss):
        params, state = super().update(params, grads, state, loss)
        return {name: p + 1e-3 * torch.randn_like(p) for name, p in params.items()}, state


def test_curves_of_a_rule_that_draws_numbers_are_the_same_every_time():
    trained_by = TrainedBy(nn.Linear(10, 1, bias=False), Noisy(0.01), 5, loss=summed_squares)
    first, second = (curves(trained_by, Quadratics(), problems=3, seed=np.int64(2)) for _ in range(2))
    assert torch.equal(first, second)
    still = curves(trained_by.by(SGD(0.01)), Quadratics(), problems=3, seed=2)
    assert torch.equal(first[:, 0], still[:, 0]) and not torch.isclose(first[:, 1], still[:, 1]).any()


def test_curves_refuse_running_statistics_as_meta_training_does():
    learner = nn.Sequential(nn.Linear(10, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    trained_by = TrainedBy(learner, SGD(0.01), 5, loss=summed_squares)
    with pytest.raises(TypeError, match=r"learner.1 \(BatchNorm1d\) keeps running statistics"):
        curves(trained_by, Quadratics(), problems=2)


def test_curves_are_of_a_trained_by():
    with pytest.raises(TypeError, match="curves follows the trainings of a TrainedBy; MAML is none"):
        curves(MAML(nn.Linear(2, 2)), Quadratics(), problems=2)

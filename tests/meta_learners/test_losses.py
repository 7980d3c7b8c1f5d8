"""Torch's losses in a method: float targets are no labels, and nothing is broadcast."""

from __future__ import annotations

import copy
import inspect
import pickle
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from metalearn_course import (
    ANIL,
    MAML,
    SGD,
    Examples,
    FineTuned,
    ImplicitMAML,
    LearnedRate,
    MAMLPlusPlus,
    MetaLSTM,
    MetaSGD,
    Reptile,
    Sinusoids,
    Task,
    TrainedBy,
    Truncated,
    ZeroHeadMAML,
    curves,
    evaluate,
    meta_train,
    mlp,
    mse,
)
from metalearn_course.meta_learners.losses import CheckedLoss, checked, name_of
from metalearn_course.tasks import PointClouds

GRADIENT = [MAML, ANIL, MAMLPlusPlus, ZeroHeadMAML, Reptile, ImplicitMAML, MetaSGD, MetaLSTM, FineTuned]
BY_STEPS = {
    **{kind.__name__: kind for kind in GRADIENT},
    "TrainedBy": lambda learner: TrainedBy(learner, LearnedRate(0.01), 3),
}


class Flat(Sinusoids):
    """Sinusoids whose targets are (tasks, n), without the dimension of the outputs."""

    def sample(self, tasks, generator):
        stack = super().sample(tasks, generator)
        support, query = (Examples(e.x, e.y[..., 0]) for e in stack[:2])
        return Task(support, query, stack.classes)


def quiet(method, tasks, **options):
    return meta_train(method, tasks, 2, meta_batch=3, progress=False, **options)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("name", BY_STEPS)
def test_numbers_are_no_probabilities_of_classes(name, outputs):
    """Cross-entropy of one output is 0 whatever it is: losses 0, 0, 0, and nothing learned."""
    targets = r"the targets are numbers, torch.float32 of shape \(\d+, 1\)"
    message = rf"^{name}'s loss is cross_entropy, for labels of classes; {targets}\. Build it with loss=F.mse_loss\.$"
    method = BY_STEPS[name](mlp(1, 8, outputs))
    calls = [lambda: quiet(method, Sinusoids())]
    if name != "MetaLSTM":
        calls.append(lambda: evaluate(method, Sinusoids(), metric=mse, episodes=4))
    for call in calls:
        with pytest.raises(TypeError, match=message):
            call()


def test_curves_and_segments_refuse_them_too():
    trained_by = TrainedBy(mlp(1, 8, 1), LearnedRate(0.01), 4)
    with pytest.raises(TypeError, match=r"TrainedBy's loss is cross_entropy.*loss=F.mse_loss"):
        curves(trained_by, Sinusoids(), problems=4)
    with pytest.raises(TypeError, match=r"TrainedBy's loss is cross_entropy.*loss=F.mse_loss"):
        quiet(trained_by, Sinusoids(), estimator=Truncated(2))


def test_labels_go_on_as_before():
    torch.manual_seed(0)
    method = MAML(mlp(4, 3), steps=0)
    task = PointClouds().sample(1, torch.Generator().manual_seed(0))
    logits = method.learner(task.query.x[0])
    by_hand = (logits.logsumexp(-1) - logits.gather(1, task.query.y[0][:, None])[:, 0]).mean()
    torch.testing.assert_close(method(task)[0], by_hand)


@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss, nn.MSELoss()], ids=name_of)
def test_targets_without_their_last_dimension_are_refused(loss):
    method = MAML(mlp(1, 8, 1), loss=loss)
    message = (
        r"predictions have shape \(10, 1\) and targets \(10,\), which would be broadcast.*Give y as y\[..., None\]"
    )
    for call in (lambda: quiet(method, Flat()), lambda: evaluate(method, Flat(), metric=mse, episodes=4)):
        with pytest.raises(ValueError, match=message):
            call()


def test_two_outputs_for_one_target_and_labels_in_a_regression():
    with pytest.raises(ValueError, match=r"\(10, 2\) and targets \(10, 1\).*as many outputs as y has columns"):
        quiet(MAML(mlp(1, 8, 2), loss=F.mse_loss), Sinusoids())
    with pytest.raises(ValueError, match=r"\(6, 3\) and targets \(6,\).* use F.cross_entropy and accuracy"):
        quiet(MAML(mlp(4, 8, 3), loss=F.mse_loss), PointClouds())


class Perfect(MAML):
    """Answers what it is asked: x is y."""

    def __init__(self):
        super().__init__(mlp(1, 1), steps=0, loss=F.mse_loss)

    def predict(self, params, x):
        return x


class Same:
    protocol = "y is x"

    def __init__(self, *shape):
        self.shape = shape

    def sample(self, tasks, generator):
        x = torch.tensor([0.0, 3.0, 6.0]).repeat(tasks, 1)
        examples = Examples(x[..., None], x.reshape(tasks, *self.shape))
        return Task(examples, examples, torch.empty(tasks, 0, dtype=torch.int64))


def test_the_metric_mse_of_perfect_answers_is_zero_or_refused_never_twelve():
    """All nine pairs of 0, 3 and 6 have a mean squared difference of 12."""
    assert evaluate(Perfect(), Same(3, 1), metric=mse, episodes=4).mean == 0
    with pytest.raises(ValueError, match=r"The metric is mse; predictions have shape \(3, 1\) and targets \(3,\)"):
        evaluate(Perfect(), Same(3), metric=mse, episodes=4)


def test_a_loss_of_ones_own_does_what_it_likes():
    def flat(predictions, y):
        return (predictions[:, 0] - y).square().mean()

    torch.manual_seed(0)
    mine, theirs = (MAML(mlp(1, 8, 1), loss=flat), MAML(mlp(1, 8, 1), loss=F.mse_loss))
    theirs.load_state_dict(mine.state_dict())
    assert mine.loss is flat
    assert quiet(mine, Flat()).losses == pytest.approx(quiet(theirs, Sinusoids()).losses)
    soft = MAML(mlp(1, 8, 1), loss=lambda predictions, y: F.cross_entropy(predictions, y.sigmoid()))
    assert quiet(soft, Sinusoids()).losses == [0, 0]  # its own business


def test_a_partial_of_torchs_loss_is_checked_like_it():
    smooth = partial(F.cross_entropy, label_smoothing=0.1)
    with pytest.raises(TypeError, match=r"^MAML's loss is cross_entropy, for labels"):
        quiet(MAML(mlp(1, 8, 1), loss=smooth), Sinusoids())
    logits, y = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    assert torch.equal(MAML(mlp(4, 3), loss=smooth).loss(logits, y), smooth(logits, y))


def test_a_checked_loss_is_the_loss_and_travels():
    loss = checked(F.mse_loss, "MAML")
    x, y = torch.randn(5, 2), torch.randn(5, 2)
    for one in (loss, copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert torch.equal(one(x, y), F.mse_loss(x, y)) and inspect.unwrap(one) is F.mse_loss
        assert one.__name__ == repr(one) == "mse_loss"
    assert checked(loss, "Other") is loss
    assert isinstance(checked(nn.CrossEntropyLoss(), "MAML"), CheckedLoss)
    weighted = nn.CrossEntropyLoss(torch.ones(3))
    assert checked(weighted, "MAML") is weighted
    assert TrainedBy(mlp(1, 1), SGD(0.1), 1, loss=F.mse_loss).by(SGD(0.2)).loss.__name__ == "mse_loss"


def test_whole_numbers_as_targets_of_a_regression_are_led_to_what_works():
    """The advice of each refusal, followed, leads on to an answer."""
    method = MAML(mlp(1, 8, 1), steps=1, lr=0.05, loss=F.mse_loss)
    x, y = torch.rand(8, 1), torch.arange(8)
    with pytest.raises(ValueError, match=r"If they are the targets of a regression, give numbers: y\.float\(\)\."):
        method.fit(Examples(x, y[:, None]))
    assert method.fit(Examples(x, y[:, None].float()))(x).shape == (8, 1)
    with pytest.raises(ValueError, match=r"Give numbers as float, y\.float\(\)\[\.\.\., None\]; for labels of"):
        method.fit(Examples(x, y))
    assert method.fit(Examples(x, y.float()[..., None]))(x).shape == (8, 1)

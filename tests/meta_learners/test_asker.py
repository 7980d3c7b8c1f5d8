import pytest
import torch

from metalearn_course import EvolutionStrategies, evaluate, meta_train
from metalearn_course.meta_learners import Asker
from metalearn_course.tasks.thresholds import Thresholds, above


def absolute(prediction, y):
    return (prediction - y).abs().mean()


def test_it_asks_within_what_is_left_and_is_told_the_truth():
    torch.manual_seed(0)
    asker, tasks = Asker(questions=3), Thresholds().sample(500, torch.Generator().manual_seed(0))
    intervals = asker.over_tasks(lambda task: asker.adapt(task.support), tasks)
    theta = tasks.support.x[:, 0, 0]
    assert (intervals[:, 0] <= theta).all() and (theta <= intervals[:, 1]).all()
    assert (intervals[:, 1] - intervals[:, 0] < 1).all()
    said = asker.over_tasks(lambda task: asker.predict(asker.adapt(task.support), task.query.x), tasks)[:, 0, 0]
    assert ((intervals[:, 0] <= said) & (said <= intervals[:, 1])).all()


def test_trained_it_asks_nearly_as_well_as_bisection_and_never_better():
    """1/64 with four questions is the best that anybody can do: sixteen answers, intervals of equal length."""
    torch.manual_seed(0)
    asker = Asker(questions=4)
    fresh = evaluate(asker, Thresholds(), metric=absolute, episodes=2_000, seed=1).mean
    options = {"meta_batch": 256, "lr": 3e-2, "anneal": True, "estimator": EvolutionStrategies(0.05, 16)}
    meta_train(asker, Thresholds(), 120, progress=False, **options)
    trained = evaluate(asker, Thresholds(), metric=absolute, episodes=4_000, seed=1)
    assert 1 / 64 - trained.interval < trained.mean < 0.019 < 0.06 < fresh


def test_a_gradient_through_the_interval_misses_what_a_question_changes_about_the_answers():
    """One question at x, then the middle is said: the error is (x^2 + (1 - x)^2) / 4, its slope x - 1/2."""
    theta = torch.rand(400_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def error(x):
        low, high = above(torch.zeros_like(theta), torch.ones_like(theta), theta, x.expand_as(theta))
        return ((low + high) / 2 - theta).abs().mean()

    x, step = torch.tensor(0.3, dtype=torch.float64, requires_grad=True), 0.02
    assert error(x).item() == pytest.approx((0.3**2 + 0.7**2) / 4, abs=1e-3)
    assert ((error(x + step) - error(x - step)) / (2 * step)).item() == pytest.approx(0.3 - 0.5, abs=0.01)
    [slope] = torch.autograd.grad(error(x), x)
    assert abs(slope.item()) < 0.005


def test_numbers_out_of_range_are_named():
    with pytest.raises(ValueError, match="questions"):
        Asker(questions=0)
    assert Thresholds(clusters=True).protocol == "thresholds in two clusters between 0 and 1"

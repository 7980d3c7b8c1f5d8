"""Ways to ask, against closed forms: the error of saying the middle of what is left."""

import pytest
import torch

from metalearn_course.studies.questions import Median, anywhere, bisection, evenly, left
from metalearn_course.tasks.thresholds import Thresholds, above


def thetas(count=200_000, **options):
    return Thresholds(**options).sample(count, torch.Generator().manual_seed(1)).support.x[:, 0, 0]


def error(way, questions):
    theta = thetas()
    low, high = left(way, theta, questions)
    assert (low <= theta).all() and (theta <= high).all()
    return ((low + high) / 2 - theta).abs().mean().item()


@pytest.mark.parametrize("questions", [1, 2, 4, 7])
def test_errors_are_those_of_the_closed_forms(questions):
    """A quarter of the mean length of the interval that holds theta."""
    n = questions
    assert error(bisection, n) == pytest.approx(2.0**-n / 4, rel=0.02)
    assert error(evenly, n) == pytest.approx(1 / (4 * (n + 1)), rel=0.02)
    assert error(anywhere, n) == pytest.approx(1 / (2 * (n + 2)), rel=0.02)  # E of the sum of squared lengths, / 4


def test_an_answer_leaves_its_side_and_a_gradient_runs_to_the_question_that_became_an_end():
    low, high, theta = torch.tensor([0.0, 0.0, 0.4]), torch.tensor([1.0, 1.0, 0.6]), torch.tensor([0.3, 0.3, 0.5])
    x = torch.tensor([0.5, 0.2, 0.9], requires_grad=True)
    new_low, new_high = above(low, high, theta, x)
    torch.testing.assert_close(new_low, torch.tensor([0.0, 0.2, 0.4]))
    torch.testing.assert_close(new_high, torch.tensor([0.5, 1.0, 0.6]))  # asked beyond the interval: nothing is learned
    [slope] = torch.autograd.grad((new_high - new_low).sum(), x)
    assert slope.tolist() == [1.0, -1.0, 0.0]


def test_two_clusters_lie_where_they_should():
    theta = thetas(clusters=True)
    low, high = theta[theta < 0.63], theta[theta >= 0.63]
    assert len(low) / len(theta) == pytest.approx(0.5, abs=0.01)
    for cluster, (a, b) in zip((low, high), ((60, 100), (100, 16)), strict=True):
        assert cluster.mean().item() == pytest.approx(a / (a + b), abs=0.003)
        assert cluster.var().item() == pytest.approx(a * b / ((a + b) ** 2 * (a + b + 1)), rel=0.05)


def test_the_median_of_what_was_seen_is_bisection_where_thresholds_are_anywhere_and_better_where_they_are_not():
    theta = thetas(4_000)
    median = Median(thetas(100_000))
    for ours, theirs in zip(left(median, theta, 4), left(bisection, theta, 4), strict=True):
        assert (ours - theirs).abs().median() < 0.01  # beside an end a different answer leaves the other half
    theta = thetas(4_000, clusters=True)
    median = Median(thetas(20_000, clusters=True))
    errors = {}
    for name, way in {"median": median, "bisection": bisection}.items():
        errors[name] = (median.of_what_is_left(*left(way, theta, 4)) - theta).abs().mean().item()
    assert errors["median"] < 0.6 * errors["bisection"]


def test_the_median_by_hand():
    median = Median(torch.tensor([0.9, 0.1, 0.2, 0.3, 0.8]))
    low, high = torch.tensor([0.0, 0.25, 0.85, 0.95]), torch.tensor([1.0, 0.85, 0.95, 1.0])
    torch.testing.assert_close(median.of_what_is_left(low, high), torch.tensor([0.3, 0.8, 0.9, 0.9]))

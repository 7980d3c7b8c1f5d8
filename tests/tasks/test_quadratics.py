import math

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from metalearn_course import Quadratics
from metalearn_course.tasks import check_tasks, summed_squares


def functions(tasks=4, dimensions=10, seed=0):
    return Quadratics(dimensions).sample(tasks, torch.Generator().manual_seed(seed))


def loss(d):
    """|W theta - y|^2 as a training run computes it: theta (d,) is the weight of a linear layer."""
    learner = nn.Linear(d, 1, bias=False)
    return lambda theta, examples: summed_squares(
        functional_call(learner, {"weight": theta[None]}, (examples.x,)), examples.y
    )


def test_a_stack_is_two_equal_sets_of_d_rows_without_classes():
    stack = functions(3, 5)
    check_tasks(stack)
    assert stack.support.x.shape == (3, 5, 5) and stack.support.y.shape == (3, 5, 1)
    assert stack.classes.shape == (3, 0)
    assert torch.equal(stack.support.x, stack.query.x) and torch.equal(stack.support.y, stack.query.y)


@pytest.mark.parametrize("size", [0.0, 0.5])
@pytest.mark.parametrize("d", [1, 10])
def test_the_loss_is_d_times_one_plus_squared_theta_on_average(d, size):
    """W theta - y has d normal entries of variance |theta|^2 + 1 = v; their squares' sum: mean d v, sd sqrt(2 d) v."""
    tasks, theta = 20_000, torch.full((d,), size)
    v = 1 + d * size**2
    losses = vmap(loss(d), in_dims=(None, 0))(theta, functions(tasks, d).support)
    assert losses.mean().item() == pytest.approx(d * v, abs=4 * math.sqrt(2 * d / tasks) * v)
    assert losses.std().item() == pytest.approx(math.sqrt(2 * d) * v, rel=0.05)


def test_the_gradient_is_2_wt_times_the_residual():
    stack, theta = functions(6), torch.randn(6, 10, generator=torch.Generator().manual_seed(1))
    w, y = stack.support
    expected = 2 * w.mT @ (w @ theta[..., None] - y)
    torch.testing.assert_close(vmap(grad(loss(10)))(theta, stack.support), expected[..., 0], rtol=1e-4, atol=1e-3)


def test_the_least_is_zero_where_w_theta_is_y():
    stack = functions(6, 4)
    theta = torch.linalg.solve(stack.support.x.double(), stack.support.y.double())[..., 0].float()
    least = vmap(loss(4))(theta, stack.support)
    torch.testing.assert_close(least, torch.zeros(6), atol=1e-4, rtol=0)


def test_every_function_is_another_and_the_generator_alone_decides():
    before = torch.get_rng_state()
    first, again, other = functions(), functions(), functions(seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.support.x, again.support.x) and torch.equal(first.support.y, again.support.y)
    assert not torch.equal(first.support.x, other.support.x)
    assert not torch.equal(first.support.x[0], first.support.x[1])


@pytest.mark.parametrize("dimensions", [0, -1, 2.0])
def test_no_dimensions_are_refused(dimensions):
    with pytest.raises(
        ValueError, match=f"^dimensions={dimensions}; expected at least 1, a whole number. Change dimensions.$"
    ):
        Quadratics(dimensions)


def test_a_prediction_that_would_be_broadcast_is_refused():
    with pytest.raises(ValueError, match=r"prediction has shape \(3,\) and y \(3, 1\); expected the same"):
        summed_squares(torch.zeros(3), torch.zeros(3, 1))


def test_the_protocol_names_the_dimensions():
    assert Quadratics().protocol == "quadratics, 10 dimensions"
    assert Quadratics(1).protocol == "quadratics, 1 dimension"

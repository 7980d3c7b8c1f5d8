"""Linear attention against gradient descent and against what can be worked out by hand."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from metalearn_course import SGD, Examples, evaluate, meta_train, mse, unroll
from metalearn_course.meta_learners import LinearAttention
from metalearn_course.tasks import Regressions, one_task


def after_a_step(support, rate):
    """The weights of a linear model after one step of gradient descent from zero, by autograd."""
    model = nn.Linear(support.x.shape[-1], 1, bias=False).double()

    def half_mean_square(params, batch):
        return F.mse_loss(functional_call(model, params, (batch.x,)), batch.y) / 2

    start = {"weight": torch.zeros_like(model.weight)}
    return unroll(half_mean_square, SGD(rate), start, [support]).params["weight"][0]


@pytest.mark.parametrize("rate", [0.125, 0.625])  # which float32 holds exactly
def test_set_by_hand_it_is_a_step_of_gradient_descent(rate):
    tasks = Regressions(dimensions=5, shots=10, queries=7).sample(20, torch.Generator().manual_seed(0))
    layer = LinearAttention.gradient_step(5, rate).double()
    for i in range(20):
        (x, y), query, _ = one_task(tasks, i)
        support = Examples(x.double(), y.double())
        weights = after_a_step(support, rate).detach()
        torch.testing.assert_close(layer.adapt(support).detach(), weights, rtol=0, atol=1e-12)
        answers = layer.fit(support)(query.x.double())
        torch.testing.assert_close(answers, query.x.double() @ weights[:, None], rtol=0, atol=1e-12)


def test_the_best_rate_and_its_error_are_those_of_the_closed_form():
    """E |w - rate S w|^2 with S = X'X/n: d (1 - 2 rate + rate^2 (1 + (d + 1)/n)), least at n/(n + d + 1)."""
    d, n = 5, 10
    tasks, best = Regressions(d, n, queries=20), n / (n + d + 1)
    for rate in (best, 0.4, 0.9):
        error = evaluate(LinearAttention.gradient_step(d, rate), tasks, metric=mse, episodes=6_000, seed=1)
        wanted = d * (1 - 2 * rate + rate**2 * (1 + (d + 1) / n))
        assert abs(error.mean - wanted) < 2 * error.interval, (rate, error.mean, wanted)
    assert d * (1 - best) == pytest.approx(1.875)


def test_trained_it_becomes_as_good_as_the_best_step():
    torch.manual_seed(0)
    layer = LinearAttention(5)
    meta_train(layer, Regressions(5, 10, queries=1), 500, meta_batch=256, lr=2e-2, anneal=True, progress=False)
    error = evaluate(layer, Regressions(5, 10, queries=20), metric=mse, episodes=3_000, seed=1)
    assert 1.875 - 2 * error.interval < error.mean < 1.875 + 0.1
    with torch.no_grad():  # and its weights are those of the step: rate times y, inputs compared with inputs
        step = layer.value[-1] * layer.similarity[:-1]
        torch.testing.assert_close(step, 0.625 * torch.eye(5), rtol=0, atol=0.06)


def test_what_it_cannot_read_is_named():
    layer = LinearAttention(3)
    with pytest.raises(ValueError, match=r"reads x \(n, 3\) and float targets \(n, 1\).*inputs=2"):
        layer.fit(Examples(torch.zeros(4, 2), torch.zeros(4, 1)))
    with pytest.raises(ValueError, match="inputs"):
        LinearAttention(0)

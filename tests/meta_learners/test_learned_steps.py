"""Meta-SGD and the Meta-LSTM against MAML, closed forms and finite differences."""

import pytest
import torch
from torch.func import functional_call

from metalearn_course import MAML, MetaLSTM, MetaSGD
from metalearn_course.evaluation import predictions
from tests.helpers.gradients import flat, gradient
from tests.helpers.nets import net
from tests.helpers.tasks import clusters64 as clusters


@pytest.mark.parametrize("steps", [1, 4])
def test_meta_sgd_begins_as_maml(steps):
    learner, tasks = net(), clusters()
    meta_sgd, maml = MetaSGD(learner, steps, 0.1), MAML(learner, steps, 0.1)
    torch.testing.assert_close(predictions(meta_sgd, tasks), predictions(maml, tasks))
    ours, theirs = gradient(meta_sgd, tasks), gradient(maml, tasks)
    for name in theirs:
        torch.testing.assert_close(ours[name], theirs[name])


def test_the_gradient_of_meta_sgds_rates_is_minus_the_product_of_two_gradients():
    """After one step, dL_B / d rate_j = -(dL_B / dtheta_1)_j (dL_S / dtheta_0)_j (Li et al., 2017)."""
    meta_sgd, tasks = MetaSGD(net(), 1, 0.1), clusters(1)
    support, query = ((e.x[0], e.y[0]) for e in tasks[:2])
    start = {k: p.detach().clone().requires_grad_() for k, p in meta_sgd.learner.named_parameters()}

    def slopes(params, x, y):
        loss = meta_sgd.loss(functional_call(meta_sgd.learner, params, (x,)), y)
        return torch.autograd.grad(loss, params.values())

    before = slopes(start, *support)
    moved = {k: (p - 0.1 * g).detach().requires_grad_() for (k, p), g in zip(start.items(), before, strict=True)}
    after = slopes(moved, *query)
    grads = gradient(meta_sgd, tasks)
    rates = [grads[name] for name in grads if name.startswith("rule.")]
    torch.testing.assert_close(flat(rates), -flat(after) * flat(before))


@pytest.mark.parametrize("make", [lambda: MetaSGD(net(), 3, 0.1), lambda: MetaLSTM(net(), 3, 0.1, first_order=False)])
def test_meta_gradients_equal_finite_differences(make):
    method, tasks = make().double(), clusters()
    grads = gradient(method, tasks)
    for name, p in method.named_parameters():
        for i in range(min(3, p.numel())):
            sides = []
            for side in (1e-6, -1e-6):
                moved = p.detach().clone()
                moved.view(-1)[i] += side
                sides.append(functional_call(method, {name: moved}, (tasks,)).mean().item())
            difference = (sides[0] - sides[1]) / 2e-6
            torch.testing.assert_close(grads[name].view(-1)[i].item(), difference, rtol=1e-5, atol=1e-9)


def test_the_meta_lstm_begins_near_gradient_descent_with_a_little_decay():
    """With gates at their biases it is theta <- f theta - i g; f = sigmoid(6) = 0.9975."""
    learner, tasks = net(), clusters()
    meta_lstm, maml = MetaLSTM(learner, 1, 0.1).double(), MAML(learner, 1, 0.1)
    with torch.no_grad():
        meta_lstm.rule.seen.weight.zero_()
        meta_lstm.rule.before.zero_()
    support = type(tasks.support)(tasks.support.x[0], tasks.support.y[0])
    ours, theirs = meta_lstm.adapt(support), maml.adapt(support)
    keeps = torch.tensor(6.0, dtype=torch.float64).sigmoid()
    for name, p in learner.named_parameters():
        torch.testing.assert_close(ours[name], theirs[name] - (1 - keeps) * p, rtol=1e-5, atol=1e-7)


def test_a_gradient_reaches_start_and_gates():
    grads = gradient(MetaLSTM(net(), 3, 0.1).double(), clusters())
    assert {name.split(".")[0] for name, g in grads.items() if g.abs().sum() > 0} == {"learner", "rule"}


def test_a_rate_that_no_gate_can_have_is_refused():
    with pytest.raises(ValueError, match=r"lr=1\.5; expected a number between 0 and 1"):
        MetaLSTM(net(), lr=1.5)

import math

import pytest
import torch
from torch import tensor

from metalearn_course import SGD, Adam, Momentum, Nesterov, RMSprop


def loss_of(params):
    """Not a quadratic, with a coupling between the two parameters."""
    w, b = params["w"], params["b"]
    return (w.square().sum() - b).square() + torch.sin(w).sum() + 0.1 * b**4


def start():
    return {"w": tensor([0.3, -1.2, 2.0], dtype=torch.float64), "b": tensor(0.7, dtype=torch.float64)}


def ten_steps(rule):
    params = start()
    state = rule.init(params)
    for _ in range(10):
        leaves = {k: p.detach().requires_grad_() for k, p in params.items()}
        loss = loss_of(leaves)
        grads = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))
        params, state = rule.update(params, grads, state, loss.detach())
    return params


def ten_steps_of_torch(optimizer, **options):
    params = {k: p.requires_grad_() for k, p in start().items()}
    optimizer = optimizer(params.values(), **options)
    for _ in range(10):
        optimizer.zero_grad()
        loss_of(params).backward()
        optimizer.step()
    return params


@pytest.mark.parametrize(
    ("rule", "optimizer", "options"),
    [
        (SGD(0.02), torch.optim.SGD, {"lr": 0.02}),
        (SGD(tensor(0.02)), torch.optim.SGD, {"lr": 0.02}),
        (Momentum(0.01, 0.8), torch.optim.SGD, {"lr": 0.01, "momentum": 0.8}),
        (Momentum(0.01, tensor(0.9)), torch.optim.SGD, {"lr": 0.01, "momentum": 0.9}),
        (Nesterov(0.01), torch.optim.SGD, {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
        (Nesterov(0.01, tensor(0.7)), torch.optim.SGD, {"lr": 0.01, "momentum": 0.7, "nesterov": True}),
        (RMSprop(0.02), torch.optim.RMSprop, {"lr": 0.02, "eps": 1e-8}),
        (RMSprop(0.05, 0.8), torch.optim.RMSprop, {"lr": 0.05, "alpha": 0.8, "eps": 1e-8}),
        (Adam(0.05), torch.optim.Adam, {"lr": 0.05, "eps": 1e-8}),
        (Adam(0.05, 0.7, 0.95), torch.optim.Adam, {"lr": 0.05, "betas": (0.7, 0.95), "eps": 1e-8}),
    ],
)
def test_ten_steps_equal_torch_optim(rule, optimizer, options):
    """Epsilon stands inside the root; where gradients are far above 1e-8 the two places agree."""
    ours, theirs = ten_steps(rule), ten_steps_of_torch(optimizer, **options)
    for k in ours:
        torch.testing.assert_close(ours[k], theirs[k].detach(), rtol=1e-6, atol=1e-8)


def test_adams_epsilon_stands_inside_the_root():
    """One step from g = 3, by hand: both corrected means are g and g^2, so the step is lr g / sqrt(g^2 + epsilon)."""
    params, grads = {"w": tensor([1.0], dtype=torch.float64)}, {"w": tensor([3.0], dtype=torch.float64)}
    rule = Adam(0.5, epsilon=16.0)
    stepped, state = rule.update(params, grads, rule.init(params), tensor(0.0))
    assert stepped["w"].item() == pytest.approx(1 - 0.5 * 3 / math.sqrt(9 + 16))
    assert state.steps.item() == 1


def test_a_derivative_runs_through_adam_where_a_gradient_is_zero():
    """The step is lr g / sqrt(g^2 + epsilon), so its derivative at g = 0 is lr / sqrt(epsilon)."""
    rule, params = Adam(0.5, epsilon=0.04), {"w": tensor([1.0])}
    g = tensor([0.0], requires_grad=True)
    stepped, _ = rule.update(params, {"w": g}, rule.init(params), tensor(0.0))
    (slope,) = torch.autograd.grad(stepped["w"].sum(), g)
    assert slope.item() == pytest.approx(-0.5 / 0.2)


def test_a_derivative_runs_through_rmsprop_where_a_gradient_is_zero():
    """The first step is lr g / sqrt((1 - decay) g^2 + epsilon), so its derivative at g = 0 is lr / sqrt(epsilon)."""
    rule, params = RMSprop(0.5, epsilon=0.04), {"w": tensor([1.0, 1.0])}
    g = tensor([0.0, 3.0], requires_grad=True)
    stepped, _ = rule.update(params, {"w": g}, rule.init(params), tensor(0.0))
    assert stepped["w"][1].item() == pytest.approx(1 - 0.5 * 3 / math.sqrt(0.01 * 9 + 0.04))
    (slope,) = torch.autograd.grad(stepped["w"].sum(), g)
    assert slope[0].item() == pytest.approx(-0.5 / 0.2)

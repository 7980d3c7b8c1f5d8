"""torch's schedulers on TorchOptimizer, against torch.optim."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler as schedulers

from metalearn_course import SGD, Adam, LearnedRate, LSTMOptimizer, Momentum, TorchOptimizer

SCHEDULES = {
    "StepLR": lambda o: schedulers.StepLR(o, 2, 0.5),
    "CosineAnnealingLR": lambda o: schedulers.CosineAnnealingLR(o, 5),
    "LambdaLR": lambda o: schedulers.LambdaLR(o, lambda step: 1 / (step + 1)),
    "SequentialLR": lambda o: schedulers.SequentialLR(
        o, [schedulers.LinearLR(o), schedulers.ExponentialLR(o, 0.9)], [2]
    ),
}
RULES = {
    "SGD": (lambda: SGD(0.1), lambda p: torch.optim.SGD(p, 0.1)),
    "Momentum": (lambda: Momentum(torch.tensor(0.1, dtype=torch.float64)), lambda p: torch.optim.SGD(p, 0.1, 0.9)),
    "Adam": (lambda: Adam(0.1), lambda p: torch.optim.Adam(p, 0.1)),
}


def ends(make, schedule, steps: int = 6) -> torch.Tensor:
    torch.manual_seed(0)
    net = nn.Linear(3, 2).double()
    x, optimizer = torch.randn(8, 3).double(), make(net)
    scheduler = schedule(optimizer)
    for _ in range(steps):
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()
        scheduler.step()
    return torch.cat([p.detach().flatten() for p in net.parameters()])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_moves_the_rate_as_torch_does(schedule, rule):
    mine, torchs = RULES[rule]
    got = ends(lambda net: TorchOptimizer(net.named_parameters(), mine()), SCHEDULES[schedule])
    want = ends(lambda net: torchs(net.parameters()), SCHEDULES[schedule])
    torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)
    unscheduled = ends(lambda net: torchs(net.parameters()), lambda o: schedulers.ConstantLR(o, 1.0))
    assert not torch.allclose(got, unscheduled, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("rule", [LSTMOptimizer(3), LearnedRate()])
def test_a_rule_without_a_rate_says_so(rule):
    optimizer = TorchOptimizer(nn.Linear(1, 1).named_parameters(), rule)
    with pytest.raises(TypeError, match=rf"^{type(rule).__name__} has no rate `lr` that a scheduler could change"):
        schedulers.StepLR(optimizer, 1)


def test_the_rate_is_saved_and_copied_and_a_new_rule_brings_its_own():
    net = nn.Linear(1, 1)
    optimizer = TorchOptimizer(net.named_parameters(), SGD(0.1))
    optimizer.param_groups[0]["lr"] = 0.025
    other = TorchOptimizer(net.named_parameters(), SGD(0.1))
    other.load_state_dict(optimizer.state_dict())
    for each in (other, copy.deepcopy(optimizer)):
        net.weight.grad, before = torch.ones(1, 1), each.param_groups[0]["params"][0].item()
        each.param_groups[0]["params"][0].grad = torch.ones(1, 1)
        each.step()
        assert each.param_groups[0]["params"][0].item() == pytest.approx(before - 0.025)
    optimizer.rule = SGD(0.3)
    assert optimizer.param_groups[0]["lr"] == 0.3

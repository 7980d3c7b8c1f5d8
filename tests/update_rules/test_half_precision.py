"""Rules in bfloat16 and float16, against torch.optim."""

import pytest
import torch
from torch import nn
from torch.func import vmap

from metalearn_course import (
    SGD,
    Adam,
    LearnedRate,
    MLPOptimizer,
    Momentum,
    Nesterov,
    RMSprop,
    TorchOptimizer,
    unroll,
)

MINIMUM, CURVATURES = 1.0, torch.linspace(0.1, 3, 8)


def training(make, dtype, steps=300):
    """Down eight parabolas; where they are after every step, (steps, 8)."""
    weights = nn.Parameter(torch.linspace(-2, 2, 8, dtype=dtype))
    optimizer, after = make([weights]), []
    for _ in range(steps):
        optimizer.zero_grad()
        (CURVATURES.to(dtype) * (weights - MINIMUM) ** 2).sum().backward()
        optimizer.step()
        after.append(weights.detach().float().clone())
    return torch.stack(after)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    ("rule", "theirs"),
    [
        (SGD(0.1), lambda p: torch.optim.SGD(p, 0.1)),
        (LearnedRate(0.1), lambda p: torch.optim.SGD(p, 0.1)),
        (Momentum(0.02), lambda p: torch.optim.SGD(p, 0.02, momentum=0.9)),
        (Nesterov(0.02), lambda p: torch.optim.SGD(p, 0.02, momentum=0.9, nesterov=True)),
        (RMSprop(0.02), lambda p: torch.optim.RMSprop(p, 0.02)),
        (Adam(0.05), lambda p: torch.optim.Adam(p, 0.05)),
        (MLPOptimizer(lr=0.05), lambda p: torch.optim.Adam(p, 0.05)),  # untrained, it is Adam
    ],
)
def test_half_precision_trains_as_torch_optim_does(rule, theirs, dtype):
    """300 steps: beyond 256, where bfloat16 stops counting. Apart by roundings: 2^-8 of a weight and its updates."""
    rule = rule.to(dtype) if isinstance(rule, MLPOptimizer) else rule
    ours, wanted = training(lambda p: TorchOptimizer(p, rule), dtype), training(theirs, dtype)
    apart = 0.1 if dtype == torch.bfloat16 else 0.02
    torch.testing.assert_close(ours, wanted, rtol=0, atol=apart)
    assert (wanted[-1] - MINIMUM).abs().max() < 0.3 < (wanted[0] - MINIMUM).abs().max()


def test_a_half_precise_adam_counts_beyond_256_and_corrects_its_start():
    """0.999 and 257 are no bfloat16 numbers: 1 - 0.999^1 is 0.001 all the same, and 300 steps are 300."""
    rule, w = Adam(0.5), {"w": torch.ones(2, dtype=torch.bfloat16)}
    first, _ = rule.update(w, w, rule.init(w), torch.tensor(0.0))
    assert first["w"].tolist() == [0.5, 0.5]  # the first step of Adam is the rate, whatever the gradient
    trace = unroll(lambda params, _: params["w"].sum(), rule, w, [None] * 300)
    assert trace.state.steps == 300 and trace.state.steps.dtype == torch.float32
    assert trace.params["w"].dtype == trace.state.square["w"].dtype == torch.bfloat16


@pytest.mark.parametrize("rule", [Adam(0.5), MLPOptimizer(lr=0.5).bfloat16()])
def test_a_stack_of_half_precise_tasks_equals_a_loop(rule):
    def after(w):
        return unroll(lambda params, _: (params["w"] ** 2).sum(), rule, {"w": w}, [None] * 3).params["w"]

    starts = torch.tensor([[1.0, -2.0], [3.0, 0.5], [0.1, -4.0]], dtype=torch.bfloat16)
    torch.testing.assert_close(vmap(after)(starts), torch.stack([after(w) for w in starts]))


@pytest.mark.parametrize("rule", [Adam(0.5), MLPOptimizer(lr=0.5).double()])
def test_in_double_precision_the_count_is_double_too(rule):
    assert rule.init({"w": torch.ones(2, dtype=torch.float64)}).steps.dtype == torch.float64

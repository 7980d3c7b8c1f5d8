"""Rules are tried once before they train: what they get wrong is said in a line, where they are handed over."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from metalearn_course import SGD, LearnedRate, LSTMOptimizer, TorchOptimizer, TrainedBy, mlp, save_rule
from metalearn_course.update_rules import try_rule
from tests.contract.registry import UPDATE_RULES


class Rule:
    """Gradient descent, to be spoiled."""

    def init(self, params):
        return ()

    def update(self, params, grads, state, loss):
        return {k: p - 0.1 * grads[k] for k, p in params.items()}, state


class NoneAtFirst(Rule):
    def init(self, params):
        return None


class NoneLater(Rule):
    def update(self, params, grads, state, loss):
        return super().update(params, grads, state, loss)[0], None


class NoState(Rule):
    def update(self, params, grads, state, loss):
        return super().update(params, grads, state, loss)[0]


class Nothing(Rule):
    def update(self, params, grads, state, loss):
        pass


class Drops(Rule):
    def update(self, params, grads, state, loss):
        return {k: p for k, p in params.items() if not k.endswith("bias")}, state


class Adds(Rule):
    def update(self, params, grads, state, loss):
        return params | {"extra": torch.ones(1)}, state


class Flattens(Rule):
    def update(self, params, grads, state, loss):
        return {k: p.flatten() for k, p in params.items()}, state


class InPlace(Rule):
    def update(self, params, grads, state, loss):
        for k, p in params.items():
            p.sub_(0.1 * grads[k])
        return params, state


class Clips(Rule):
    def update(self, params, grads, state, loss):
        for g in grads.values():
            g.clamp_(-1, 1)
        return super().update(params, grads, state, loss)


class Accumulates(Rule):
    def init(self, params):
        return {k: torch.zeros_like(p) for k, p in params.items()}

    def update(self, params, grads, state, loss):
        for k, g in grads.items():
            state[k].add_(g)
        return {k: p - state[k] for k, p in params.items()}, state


class Replaces(Rule):
    def update(self, params, grads, state, loss):
        for k in list(params):
            params[k] = params[k] - 0.1 * grads[k]
        return params, state


class Hides(Rule):
    def __init__(self):
        self.velocity = 0.0

    def update(self, params, grads, state, loss):
        self.velocity = 0.9 * self.velocity + 1
        return {k: p - self.velocity * grads[k] for k, p in params.items()}, state


SPOILED = [
    (NoneAtFirst, r"The state of NoneAtFirst holds an object of type NoneType; expected tensors only\. .* \(\) where"),
    (NoneLater, r"The state of NoneLater holds an object of type NoneType"),
    (NoState, r"NoState\.update returns a dict; expected \(params, state\), as in `return new_params, state`\."),
    (Nothing, r"Nothing\.update returns a NoneType; expected \(params, state\)"),
    (Drops, r"Drops\.update drops the parameter .*bias; expected all of those"),
    (Adds, r"Adds\.update adds the parameter 'extra'"),
    (Flattens, r"Flattens\.update turns .*weight of shape \(\d, \d\) into \(\d+,\)"),
    (InPlace, r"InPlace\.update changes the params that it is given in place"),
    (Clips, r"Clips\.update changes the grads that it is given in place"),
    (Accumulates, r"Accumulates\.update changes the state that it is given in place"),
    (Replaces, r"Replaces\.update changes the params that it is given in place"),
    (Hides, r"Hides\.update gives another result when it is asked the same again: it remembers something outside"),
]


@pytest.mark.parametrize(("kind", "message"), SPOILED)
def test_a_spoiled_rule_is_refused_in_the_same_line_by_trained_by_and_torch_optimizer(kind, message):
    learner = mlp(4, 3)
    before = [p.detach().clone() for p in learner.parameters()]
    for hand_over in (
        lambda: TrainedBy(learner, kind(), 3),
        lambda: TorchOptimizer(learner.named_parameters(), kind()),
    ):
        with pytest.raises(TypeError, match=f"^{message}") as error:
            hand_over()
        assert "\n" not in str(error.value)
    assert all(torch.equal(p, q) for p, q in zip(learner.parameters(), before, strict=True))


@pytest.mark.parametrize(("kind", "message"), SPOILED)
def test_a_spoiled_learned_rule_is_not_saved(kind, message, tmp_path: Path):
    class Learned(kind, nn.Module):
        def __init__(self):
            nn.Module.__init__(self)
            self.velocity = 0.0
            self.rate = nn.Parameter(torch.tensor(0.1))

    Learned.__name__ = kind.__name__
    with pytest.raises(TypeError, match=f"^{message}"):
        save_rule(tmp_path / "rule.npz", Learned(), "nothing")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", UPDATE_RULES)
def test_the_courses_rules_pass_and_leave_the_random_numbers_alone(name):
    made = UPDATE_RULES[name]
    params = made.params or {"layer.weight": torch.randn(2, 3), "layer.bias": torch.randn(2), "scale": torch.randn(())}
    rule = made.make()
    before = torch.get_rng_state()
    try_rule(rule, params)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_rule_may_be_tried_inside_vmap():
    def rate(lr: torch.Tensor) -> torch.Tensor:
        try_rule(SGD(lr), {"w": torch.ones(2)})
        return lr

    rates = torch.tensor([0.1, 0.2])
    torch.testing.assert_close(torch.vmap(rate)(rates), rates)


def test_a_rule_of_another_dtype_than_the_learner_is_tried_in_its_own():
    TrainedBy(mlp(4, 3), LSTMOptimizer(4).double(), 1)
    TrainedBy(mlp(4, 3).double(), LearnedRate(), 1)

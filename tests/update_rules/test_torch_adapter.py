"""TorchOptimizer, against unroll and against torch.optim."""

from __future__ import annotations

import copy
import io
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from metalearn_course import (
    SGD,
    Adam,
    CoordinateRates,
    LearnedRate,
    LSTMOptimizer,
    MetaLSTMGates,
    MLPOptimizer,
    Momentum,
    Nesterov,
    RMSprop,
    StopIfDiverged,
    TorchOptimizer,
    unroll,
)


def net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).double()


def batches(n: int = 6) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n, 8, 3, generator=generator, dtype=torch.float64)
    return [(part, (part.sum(1) > 0).long()) for part in x]


def learned(kind: type[nn.Module], **options: object) -> nn.Module:
    """A rule in the middle of its meta-training, so to say: all of phi is moved."""
    torch.manual_seed(2)
    rule = kind(**options).double()
    with torch.no_grad():
        for p in rule.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return rule


class Past(NamedTuple):
    params: dict[str, Tensor]
    grads: dict[str, Tensor]


class Remembers:
    """A rule that keeps the very tensors it is given: the step before last counts, too."""

    def init(self, params):
        return Past(params, {k: torch.zeros_like(p) for k, p in params.items()})

    def update(self, params, grads, state, loss):
        new = {k: p - 0.1 * grads[k] - 0.1 * state.grads[k] + 0.2 * (p - state.params[k]) for k, p in params.items()}
        return new, Past(params, grads)


class Watches(LearnedRate):
    """A rule that reads the loss."""

    needs_loss = True

    def update(self, params, grads, state, loss):
        return {k: p - loss * self.log_lr.exp() * grads[k] for k, p in params.items()}, state


RULES = {
    "SGD": lambda: SGD(0.3),
    "Momentum": lambda: Momentum(0.1),
    "Nesterov": lambda: Nesterov(0.1),
    "RMSprop": lambda: RMSprop(0.01),
    "Adam": lambda: Adam(0.05),
    "LearnedRate": lambda: LearnedRate(0.2),
    "CoordinateRates": lambda: learned(CoordinateRates, params=dict(net().named_parameters()), lr=0.2),
    "MetaLSTMGates": lambda: learned(MetaLSTMGates),
    "LSTMOptimizer": lambda: learned(LSTMOptimizer, hidden=4),
    "MLPOptimizer": lambda: learned(MLPOptimizer, hidden=8),
    "one that remembers": Remembers,
    "one that reads the loss": lambda: Watches(0.2).double(),
}


def train(
    model: nn.Module, optimizer: torch.optim.Optimizer, data: list, *, to_none: bool = True
) -> list[list[Tensor]]:
    """The loop that everyone writes; the parameters after each step."""
    after = []
    for x, y in data:
        optimizer.zero_grad(set_to_none=to_none)
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step(loss=loss) if isinstance(optimizer, TorchOptimizer) else optimizer.step()
        after.append([p.detach().clone() for p in model.parameters()])
    return after


@pytest.mark.parametrize("to_none", [True, False])
@pytest.mark.parametrize("name", RULES)
def test_every_step_equals_unroll(name: str, to_none: bool) -> None:
    rule, model = RULES[name](), net()

    def loss(params, batch):
        return F.cross_entropy(functional_call(model, params, (batch[0],)), batch[1])

    start = {k: p.detach().clone() for k, p in model.named_parameters()}
    trace = unroll(loss, rule, start, batches())
    wanted = [step.params for step in trace.steps[1:]] + [trace.params]
    addresses = [p.data_ptr() for p in model.parameters()]
    optimizer = TorchOptimizer(model.named_parameters(), rule)
    for mine, theirs in zip(train(model, optimizer, batches(), to_none=to_none), wanted, strict=True):
        torch.testing.assert_close(mine, list(theirs.values()), rtol=1e-9, atol=1e-12)
    assert [p.data_ptr() for p in model.parameters()] == addresses  # changed in place
    assert all(p.requires_grad and p.is_leaf for p in model.parameters())


def deep() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Flatten(),
        nn.Linear(6 * 36, 10),
    ).double()


@pytest.mark.parametrize(
    ("rule", "reference"),
    [
        (Momentum(0.05), lambda params: torch.optim.SGD(params, 0.05, momentum=0.9)),
        (Adam(0.01, epsilon=1e-30), lambda params: torch.optim.Adam(params, 0.01, eps=1e-15)),
    ],
)
def test_it_drops_into_a_deep_learning_loop_and_equals_torch_optim(rule, reference) -> None:
    """Convolution, batch norm, dropout, mini-batches of real digits, plain `parameters()`."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x, y = torch.tensor(digits.images[:480])[:, None] / 16, torch.tensor(digits.target[:480])
    data = list(zip(x.split(32), y.split(32), strict=True)) * 2
    runs = []
    for make in (lambda params: TorchOptimizer(params, rule), reference):
        model = deep()
        torch.manual_seed(3)
        runs.append(train(model, make(model.parameters()), data))
        model.eval()
        assert F.cross_entropy(model(x), y) < 0.5
    for mine, theirs in zip(*runs, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-8)


def saved_and_read(state: Any, weights_only: bool = True) -> Any:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=weights_only)


@pytest.mark.parametrize("name", RULES)
def test_a_saved_run_continues_bit_for_bit(name: str) -> None:
    rule, data, model = RULES[name](), batches(8), net()
    whole = train(model, TorchOptimizer(model.named_parameters(), rule), data)
    model = net()
    optimizer = TorchOptimizer(model.named_parameters(), rule)
    train(model, optimizer, data[:5])
    state, weights = saved_and_read(optimizer.state_dict()), copy.deepcopy(model.state_dict())
    train(model, optimizer, data[5:])  # the first goes on; what was saved stays as it was
    model = net(seed=9)
    model.load_state_dict(weights)
    optimizer = TorchOptimizer(model.named_parameters(), rule)
    optimizer.load_state_dict(state)
    for mine, wanted in zip(train(model, optimizer, data[5:]), whole[5:], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, wanted, strict=True))


def test_the_state_of_another_rule_or_model_is_refused() -> None:
    optimizer = TorchOptimizer(net().named_parameters(), Momentum(0.1))
    other = TorchOptimizer(net().named_parameters(), RMSprop(0.1))
    with pytest.raises(ValueError, match=r"saved state has rule RMSprop; this optimizer has Momentum"):
        optimizer.load_state_dict(other.state_dict())
    with pytest.raises(ValueError, match=r"has rule None; this optimizer has Momentum"):
        optimizer.load_state_dict(torch.optim.Adam(net().parameters()).state_dict())
    other = TorchOptimizer(reversed(list(net().named_parameters())), Momentum(0.1))
    with pytest.raises(
        ValueError, match=r"saved state has parameters \['2\.bias', .*this optimizer has .*\['0\.weight'"
    ):
        optimizer.load_state_dict(other.state_dict())
    wider = TorchOptimizer(nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2)).named_parameters(), Momentum(0.1))
    with pytest.raises(ValueError, match=r"saved state has shapes \[\(6, 3\)"):
        optimizer.load_state_dict(wider.state_dict())


def test_no_gradient_is_a_zero_gradient_and_the_frozen_stays() -> None:
    """Momentum 0.5, rate 1: after one gradient of 1, steps of -1, -0.5, -0.25. SGD leaves what has no gradient."""
    used, unused, frozen = (nn.Parameter(torch.zeros(2)) for _ in range(3))
    optimizer = TorchOptimizer(
        {"used": used, "unused": unused, "frozen": frozen.requires_grad_(False)}, Momentum(1.0, 0.5)
    )
    unused.grad = torch.ones(2)
    used.grad = torch.ones(2)
    optimizer.step()
    unused.grad = None
    optimizer.step()
    assert unused.tolist() == [-1.5, -1.5] and used.tolist() == [-2.5, -2.5] and frozen.tolist() == [0, 0]
    ends = learned(MetaLSTMGates).float()  # its forget gate shrinks whatever it is given
    still, moved = nn.Parameter(torch.ones(2), requires_grad=False), nn.Parameter(torch.ones(2))
    optimizer = TorchOptimizer([moved, nn.Parameter(torch.ones(2)), still], ends)
    optimizer.param_groups[0]["params"][1].grad = torch.ones(2)
    optimizer.step(loss=1.0)
    assert torch.equal(still, torch.ones(2)) and (moved < 1).all()


def test_a_rule_that_reads_the_loss_is_given_it_by_name() -> None:
    """One weight, gradient 3, rate e^log_lr = 0.1, loss 2: a step of -0.6."""
    w = nn.Parameter(torch.zeros(1))
    optimizer = TorchOptimizer([w], Watches(0.1))
    w.grad = torch.tensor([3.0])
    with pytest.raises(ValueError, match=r"^Watches reads the loss, and got none\. Call step\(loss=loss\)"):
        optimizer.step()
    with pytest.raises(ValueError, match=r"loss has shape \(2,\); expected a scalar"):
        optimizer.step(loss=torch.ones(2))
    optimizer.step(loss=torch.tensor(2.0, requires_grad=True))
    assert w.item() == pytest.approx(-0.6) and w.grad_fn is None
    optimizer.step(loss=2)
    assert w.item() == pytest.approx(-1.2)
    w.grad = None
    with pytest.raises(ValueError, match=r"No parameter has a gradient\. Call loss\.backward\(\)"):
        optimizer.step(loss=2.0)


class Silent(LearnedRate):
    """One that reads the loss and forgot to say so."""

    def update(self, params, grads, state, loss):
        return {k: p - loss * self.log_lr.exp() * grads[k] for k, p in params.items()}, state


class SilentMemory(SGD):
    """One whose first update does not show that it reads the loss."""

    def init(self, params):
        return torch.ones(())

    def update(self, params, grads, state, loss):
        return {k: p - state * self.lr * grads[k] for k, p in params.items()}, loss


class Branches(SGD):
    """One that takes smaller steps where the loss is small: NaN would pass for large."""

    def update(self, params, grads, state, loss):
        rate = torch.where(loss < 0.1, 0.1 * self.lr, self.lr)
        return {k: p - rate * grads[k] for k, p in params.items()}, state


class Denies(Silent):
    """One that says that it does not, and does."""

    needs_loss = False


class Manages(Denies):
    """One that takes 1 where there is no loss."""

    def update(self, params, grads, state, loss):
        return super().update(params, grads, state, loss.nan_to_num(1.0))


@pytest.mark.parametrize("rule", [Silent(0.1), SilentMemory(0.1), Branches(0.1), Denies(0.1), StopIfDiverged(SGD(0.1))])
def test_a_rule_that_reads_the_loss_is_found_out_and_nothing_is_touched(rule) -> None:
    w, frozen = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1), requires_grad=False)
    optimizer = TorchOptimizer([w, frozen], rule)
    w.grad = torch.tensor([3.0])
    with pytest.raises(ValueError, match=r"^\w+ reads the loss, and got none\. Call step\(loss=loss\) after"):
        optimizer.step()
    assert w.item() == 0
    optimizer.step(loss=2.0)
    assert w.item() == pytest.approx(-0.6 if isinstance(rule, Silent) else -0.3)
    with pytest.raises(ValueError, match="reads the loss"):
        optimizer.step()


def test_a_rule_that_does_without_the_loss_is_asked_once() -> None:
    calls = []

    class Counts(SGD):
        def update(self, params, grads, state, loss):
            calls.append(loss)
            return super().update(params, grads, state, loss)

    w = nn.Parameter(torch.zeros(1))
    optimizer = TorchOptimizer([w], Counts(0.1))
    w.grad, tried = torch.tensor([3.0]), len(calls)
    for _ in range(3):
        optimizer.step()
    assert w.item() == pytest.approx(-0.9) and len(calls) == tried + 3 + 4
    optimizer.rule = Silent(0.1)
    with pytest.raises(ValueError, match="Silent reads the loss"):
        optimizer.step()
    optimizer.rule = Manages(0.1)
    optimizer.step()
    assert w.item() == pytest.approx(-1.2)


def test_phi_gets_no_gradient_and_no_change() -> None:
    rule, model = learned(LSTMOptimizer, hidden=4), net()
    before = copy.deepcopy(rule.state_dict())
    train(model, TorchOptimizer(model.named_parameters(), rule), batches())
    assert all(p.grad is None for p in rule.parameters())
    assert all(torch.equal(v, before[k]) for k, v in rule.state_dict().items())


def test_a_rule_for_other_parameters_is_refused_at_once() -> None:
    rates = CoordinateRates(dict(net().named_parameters()))
    TorchOptimizer(net().named_parameters(), rates)
    with pytest.raises(ValueError, match=r"Parameter 0\.weight has shape \(4, 3\)"):
        TorchOptimizer(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).named_parameters(), rates)
    with pytest.raises(ValueError, match=r"Parameter 0 has shape"):
        TorchOptimizer(net().parameters(), rates)


def test_what_it_does_not_do_is_refused_by_name() -> None:
    model = net()
    optimizer = TorchOptimizer(model.named_parameters(), SGD(0.1))
    with pytest.raises(TypeError, match=r"takes no closure\. Call zero_grad\(\), loss\.backward\(\) and then step\(\)"):
        optimizer.step(lambda: 0.0)
    with pytest.raises(ValueError, match=r"has one group of parameters\. Make another optimizer"):
        optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))]})
    with pytest.raises(ValueError, match=r"takes one group of parameters\. Give it model\.named_parameters\(\)"):
        TorchOptimizer([{"params": list(model.parameters())}], SGD(0.1))
    with pytest.raises(ValueError, match=r"Two parameters are named '0\.weight'"):
        TorchOptimizer([*model.named_parameters(), *net().named_parameters()], SGD(0.1))
    with pytest.raises(ValueError, match="empty parameter list"):
        TorchOptimizer([], SGD(0.1))
    for one, kind in ((model[0].weight, "Parameter"), (model, "Sequential"), (model[0], "Linear")):
        with pytest.raises(
            TypeError, match=rf"^params is a {kind}; expected an iterable of parameters\. Give it model"
        ):
            TorchOptimizer(one, SGD(0.1))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: saved_and_read(o, weights_only=False)])
def test_a_copy_goes_on_as_the_original_does(copied) -> None:
    model = net()
    optimizer = TorchOptimizer(model.named_parameters(), Momentum(0.1, 0.9))
    twin, other = copied((model, optimizer))
    for which, own in ((model, optimizer), (twin, other)):
        for x, y in batches(3):
            own.zero_grad()
            F.cross_entropy(which(x), y).backward()
            own.step()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))
    assert model[0].weight is not twin[0].weight


def test_a_rule_in_another_precision_is_refused_at_once() -> None:
    with pytest.raises(
        ValueError, match=r"0\.weight is torch\.float64; LSTMOptimizer computes in torch\.float32\. Con"
    ):
        TorchOptimizer(net().named_parameters(), LSTMOptimizer())
    TorchOptimizer(net().named_parameters(), LearnedRate(0.1))  # a single number multiplies them all
    model = net().float()
    optimizer = TorchOptimizer(model.named_parameters(), LSTMOptimizer(2))
    x, y = batches(1)[0]
    F.cross_entropy(model.double()(x), y).backward()
    with pytest.raises(ValueError, match=r"^0\.weight is torch\.float64; LSTMOptimizer computes in torch\.float32\."):
        optimizer.step()


@pytest.mark.parametrize("rule", [SGD, 0.1, {"lr": 0.1}, {0.1}])
def test_what_is_no_rule_is_refused_at_once(rule) -> None:
    with pytest.raises(TypeError, match=r"is no update rule; expected one such as SGD\(0\.1\)"):
        TorchOptimizer(net().named_parameters(), rule)


def test_what_is_no_state_is_refused() -> None:
    optimizer = TorchOptimizer(net().named_parameters(), Momentum(0.1, 0.9))
    group = optimizer.state_dict()["param_groups"][0]
    for nothing in (
        {},
        None,
        [],
        {"state": {}, "param_groups": []},
        {"state": None, "param_groups": [group]},
        {"state": {"rule": [0]}, "param_groups": [group]},
    ):
        with pytest.raises(
            ValueError, match=r"^This \w+ is no state of an optimizer\. Give what state_dict\(\) returned"
        ):
            optimizer.load_state_dict(nothing)
    single = TorchOptimizer(net().float().named_parameters(), Momentum(0.1, 0.9))
    with pytest.raises(ValueError, match="has dtypes"):
        optimizer.load_state_dict(single.state_dict())


@pytest.mark.parametrize(
    ("saved", "mine", "message"),
    [
        (MLPOptimizer(2), MLPOptimizer(2, decays=(0.9, 0.99, 0.1)), r"saved state has options .*'rule\.adam': 1"),
        (
            LSTMOptimizer(2, p=10),
            LSTMOptimizer(2, p=7),
            r"saved state has options .*'rule\.p': 10\.0, .*'rule\.p': 7\.0",
        ),
        (Adam(0.1), Adam(0.1, beta2=0.9), r"saved state has options .*'rule\.beta2': 0\.999, .*'rule\.beta2': 0\.9,"),
    ],
)
def test_the_state_of_the_same_rule_with_other_options_is_refused(saved, mine, message) -> None:
    state = TorchOptimizer(net().float().named_parameters(), saved).state_dict()
    TorchOptimizer(net().float().named_parameters(), copy.deepcopy(saved)).load_state_dict(state)
    with pytest.raises(ValueError, match=message):
        TorchOptimizer(net().float().named_parameters(), mine).load_state_dict(state)


def test_options_from_numpy_can_be_read_with_weights_only() -> None:
    import numpy as np

    rule = Momentum(np.float64(0.1), np.float32(0.5))
    state = TorchOptimizer(net().named_parameters(), rule).state_dict()
    TorchOptimizer(net().named_parameters(), Momentum(0.1, 0.5)).load_state_dict(saved_and_read(state))


def test_a_loaded_run_may_go_on_at_another_rate() -> None:
    """Velocity 1 at momentum 0.5, then gradient 1 at rate 2: a step of -2 * 1.5. What is saved then knows the rate."""
    w = nn.Parameter(torch.zeros(1))
    optimizer = TorchOptimizer([w], Momentum(1.0, 0.5))
    w.grad = torch.ones(1)
    optimizer.step()
    other = TorchOptimizer([w], Momentum(1.0, 0.5))
    other.load_state_dict(optimizer.state_dict())
    other.rule = Momentum(2.0, 0.5)
    other.step()
    assert w.item() == -1 - 2 * 1.5
    TorchOptimizer([w], Momentum(2.0, 0.5)).load_state_dict(other.state_dict())


class Counts:
    """The rate falls as 1 / step; the number of steps is a Python number, or a tensor."""

    def __init__(self, zero, one):
        self.zero, self._one = zero, one

    def init(self, params):
        return {"steps": self.zero}

    def update(self, params, grads, state, loss):
        steps = state["steps"] + self._one
        return {k: p - 0.1 / steps * grads[k] for k, p in params.items()}, {"steps": steps}


@pytest.mark.parametrize("zero", [0, 0.0, None])
def test_a_state_that_is_no_tree_of_tensors_is_refused_at_once(zero) -> None:
    kind = type(zero).__name__
    with pytest.raises(
        TypeError,
        match=rf"^The state of Counts holds an object of type {kind}; expected tensors only\. Give torch\.tens",
    ):
        TorchOptimizer(net().named_parameters(), Counts(zero, 1))


def test_a_state_that_becomes_one_leaves_everything_as_it_was() -> None:
    class Forgets(Counts):
        def update(self, params, grads, state, loss):
            later = state["steps"] > 0  # which no single update shows
            return {k: p + 1 for k, p in params.items()}, {"steps": 1 if later else state["steps"] + 1}

    w = nn.Parameter(torch.zeros(1))
    optimizer = TorchOptimizer([w], Forgets(torch.tensor(0.0), 1))
    w.grad = torch.ones(1)
    optimizer.step()
    with pytest.raises(TypeError, match=r"^The state of Forgets holds an object of type int"):
        optimizer.step()
    assert w.item() == 1 and optimizer.state["rule"] == [torch.tensor(1.0)]
    with pytest.raises(TypeError, match=r"^The state of Forgets holds an object of type int"):
        TorchOptimizer([w], Forgets(torch.tensor(1.0), 1))
    train(
        model := net(), optimizer := TorchOptimizer(model.named_parameters(), Counts(torch.tensor(0.0), 1)), batches(3)
    )
    assert optimizer.state["rule"] == [torch.tensor(3.0)]


class Grows:
    """Momentum that begins to remember with its first gradient."""

    def init(self, params):
        return ()

    def update(self, params, grads, state, loss):
        velocity = {k: g + 0.9 * state[0][k] if state else g for k, g in grads.items()}
        return {k: p - 0.1 * velocity[k] for k, p in params.items()}, (velocity,)


def test_a_state_may_grow_between_steps() -> None:
    wanted = train(net_ := net(), TorchOptimizer(net_.named_parameters(), Momentum(0.1)), batches())
    model = net()
    optimizer = TorchOptimizer(model.named_parameters(), Grows())
    for mine, theirs in zip(train(model, optimizer, batches()), wanted, strict=True):
        torch.testing.assert_close(mine, theirs)
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    with pytest.raises(ValueError, match=r"saved state has tensors .*0\.weight.*; this optimizer has \[\]\."):
        TorchOptimizer(net().named_parameters(), Grows()).load_state_dict(state)


def test_a_state_in_another_order_is_not_mistaken() -> None:
    """Two tensors of one shape that change places in the tree after the first step."""

    class Turns(Counts):
        def init(self, params):
            return {"a": torch.tensor(1.0), "b": torch.tensor(2.0)}

        def update(self, params, grads, state, loss):
            return params, {"b": state["b"], "a": state["a"]}

    optimizer = TorchOptimizer([w := nn.Parameter(torch.zeros(1))], Turns(0, 0))
    w.grad = torch.ones(1)
    optimizer.step()
    with pytest.raises(ValueError, match=r"saved state has tensors \[\"\['b'\]\", \"\['a'\]\"\]; this .*'a'.*'b'"):
        TorchOptimizer([w], Turns(0, 0)).load_state_dict(optimizer.state_dict())


@pytest.mark.parametrize("rule", [SGD(0.1), Adam(0.1), LSTMOptimizer(2), MLPOptimizer(2), MetaLSTMGates()])
def test_sparse_gradients_train_as_dense_ones_do(rule) -> None:
    ends = []
    for sparse in (False, True):
        torch.manual_seed(0)
        words = nn.Embedding(5, 2, sparse=sparse)
        optimizer = TorchOptimizer(words.named_parameters(), rule)
        for word in range(3):
            optimizer.zero_grad()
            loss = (words(torch.tensor([1, 1, word])) ** 2).sum()
            loss.backward()
            assert words.weight.grad.is_sparse == sparse
            optimizer.step(loss=loss)
        ends.append(words.weight.detach())
    torch.testing.assert_close(*ends)

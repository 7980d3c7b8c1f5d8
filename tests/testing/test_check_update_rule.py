"""check_update_rule rejects, by name, a rule that lacks one of its properties, and leaves everything as it was."""

import pytest
import torch
from torch import nn

from metalearn_course import SGD, Adam, CoordinateRates, LearnedRate, Momentum, TorchOptimizer, check_update_rule
from metalearn_course.testing import CheckError, update_rule_checks


class InPlace(SGD):
    """1. `update` overwrites the gradients that it was given."""

    def update(self, params, grads, state, loss):
        return super().update(params, {name: g.mul_(0.5) for name, g in grads.items()}, state, loss)


class EatsItsState(Momentum):
    """1. It takes out of the state what it has read."""

    def update(self, params, grads, state, loss):
        new, after = super().update(params, grads, state, loss)
        state.popitem()
        return new, after


class InitShifts(SGD):
    """1. `init` writes into the params."""

    def init(self, params):
        for p in params.values():
            p.add_(1)
        return ()


class CountsInPython(SGD):
    """2. The number of steps is a Python number."""

    def init(self, params):
        return {"steps": 0}

    def update(self, params, grads, state, loss):
        return super().update(params, grads, state, loss)[0], {"steps": state["steps"] + 1}


class Flattens(SGD):
    """2. The new params have other shapes."""

    def update(self, params, grads, state, loss):
        new, state = super().update(params, grads, state, loss)
        return {name: p.flatten() for name, p in new.items()}, state


class Shuffles(SGD):
    """2. The new params come in another order."""

    def update(self, params, grads, state, loss):
        new, state = super().update(params, grads, state, loss)
        return dict(reversed(new.items())), state


class Trembles(SGD):
    """3. Its steps are drawn."""

    def update(self, params, grads, state, loss):
        return super().update({name: p + 1e-9 * torch.randn_like(p) for name, p in params.items()}, grads, state, loss)


class RemembersOutside(SGD):
    """3. It counts its steps on itself, behind the back of a frozen dataclass."""

    def init(self, params):
        object.__setattr__(self, "seen", [])
        return ()

    def update(self, params, grads, state, loss):
        self.seen.append(None)
        return SGD(self.lr / len(self.seen)).update(params, grads, state, loss)


class ForgetsOnInit(SGD):
    """3. What it remembers is set by `init`, and is not in the state."""

    def init(self, params):
        object.__setattr__(self, "start", params)
        return ()

    def update(self, params, grads, state, loss):
        return {name: p - self.lr * (grads[name] + self.start[name]) for name, p in params.items()}, state


class WarmsUp(SGD):
    """4. From the fourth update since `init` its steps are longer, and that count is not in the state."""

    def init(self, params):
        object.__setattr__(self, "seen", [])
        return ()

    def update(self, params, grads, state, loss):
        self.seen.append(None)
        return SGD(self.lr * (2 if len(self.seen) > 3 else 1)).update(params, grads, state, loss)


class AsksAboutANumber(SGD):
    """5. An `if` on a value."""

    def update(self, params, grads, state, loss):
        return (params, state) if loss > 10 else super().update(params, grads, state, loss)


class CountsTrainings(SGD):
    """5. `init` divides by how often it was called: in a loop that is once for every task."""

    calls = 0

    def init(self, params):
        object.__setattr__(self, "calls", self.calls + 1)
        return next(iter(params.values())).new_full((), 1.0 / self.calls)

    def update(self, params, grads, state, loss):
        return {name: p - self.lr * state * grads[name] for name, p in params.items()}, state


class SinglePrecision(SGD):
    """6. It rounds what it is given."""

    def update(self, params, grads, state, loss):
        new, state = super().update(params, grads, state, loss)
        return {name: p.float() for name, p in new.items()}, state


class MatricesOnly(SGD):
    """7. It reads the number of rows, which a scalar does not have."""

    def update(self, params, grads, state, loss):
        new = {name: p - self.lr * grads[name] / (len(p) if p.ndim else 1) for name, p in params.items()}
        return {name: p if p.ndim < 4 else p[:1].expand_as(p).flatten(1) for name, p in new.items()}, state


class EpsilonOutside(SGD):
    """8. Adam's first step with epsilon outside the root: its derivative is NaN where a gradient is zero."""

    def update(self, params, grads, state, loss):
        return {
            name: p - self.lr * grads[name] / (grads[name].square().sqrt() + 1e-8) for name, p in params.items()
        }, ()


class Detached(SGD):
    """9. The gradient to the start is cut."""

    def update(self, params, grads, state, loss):
        return super().update(params, {name: g.detach() for name, g in grads.items()}, state, loss)


class DetachedRate(LearnedRate):
    """9. The gradient to the rule's own parameter is cut."""

    def update(self, params, grads, state, loss):
        return SGD(self.log_lr.detach().exp()).update(params, grads, state, loss)


class OtherGradient(LearnedRate):
    """9. It arrives, and is another one."""

    def update(self, params, grads, state, loss):
        lr = self.log_lr + (self.log_lr.exp() - self.log_lr).detach()
        return SGD(lr).update(params, grads, state, loss)


class Rates(CoordinateRates):
    """One that fits the params that it is made for; made here for others."""

    def __init__(self):
        super().__init__({"w": torch.ones(2)})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: InPlace(0.1), "InPlace.update changes its grads in place; expected new tensors"),
        (lambda: EatsItsState(0.1), "EatsItsState.update changes its state in place"),
        (lambda: InitShifts(0.1), "InitShifts.init changes its params in place"),
        (lambda: CountsInPython(0.1), "The state that CountsInPython.init returns holds an object of type int"),
        (lambda: Flattens(0.1), r"returns params \[.'layer.weight', \(6,\)\).*was given \[.'layer.weight', \(2, 3\)"),
        (lambda: Shuffles(0.1), r"returns params \[.'scale'"),
        (lambda: Trembles(0.1), "Trembles: the same params, grads, state and loss give another result"),
        (lambda: RemembersOutside(0.1), "RemembersOutside: the same params, grads, state and loss give another result"),
        (lambda: ForgetsOnInit(0.1), "ForgetsOnInit: the same params, grads, state and loss give another result"),
        (lambda: WarmsUp(0.1), "a run in two parts and one run differ"),
        (lambda: AsksAboutANumber(0.1), "AsksAboutANumber does not run under vmap: .*data-dependent control flow"),
        (lambda: CountsTrainings(0.1), "a stack of trainings under vmap and a loop over them differ"),
        (lambda: SinglePrecision(0.1), "returns torch.float32 for params in torch.float64"),
        (lambda: MatricesOnly(0.1), r"returns params \[.'0.w', \(2, 9\)\)"),
        (lambda: EpsilonOutside(0.1), "a first derivative through its updates is not finite at gradients times 0"),
        (lambda: Detached(0.1), "the gradient to its start and finite differences differ"),
        (lambda: DetachedRate(0.1), "the gradient to the rule's own parameters and finite differences differ"),
        (lambda: OtherGradient(0.1), "the gradient to the rule's own parameters and finite differences differ"),
    ],
)
def test_every_property_rejects_a_rule_that_lacks_it(make, message):
    with pytest.raises(CheckError, match=message):
        check_update_rule(make)


def test_what_is_no_rule_is_refused_before_any_check():
    with pytest.raises(TypeError, match="is no update rule; expected one such as SGD"):
        check_update_rule(lambda: 0.1)


def test_a_rule_for_certain_params_is_checked_on_these(capsys):
    with pytest.raises(ValueError, match=r"Parameter layer\.weight has shape"):
        check_update_rule(Rates)
    check_update_rule(Rates, {"w": torch.tensor([0.5, -1.0])})
    assert capsys.readouterr().out == "Rates passes check_update_rule ✓\n"
    names = [check.name for check in update_rule_checks(Rates, {"w": torch.ones(2)})]
    assert "params_may_have_any_shapes" not in names and len(names) == 9


def test_a_check_can_be_run_alone_and_leaves_random_numbers_and_the_rule_as_they_were():
    rule = nn.ModuleList([LearnedRate(0.1)])[0]
    random, before = torch.get_rng_state(), rule.log_lr.clone()
    for check in reversed(update_rule_checks(lambda: rule)):
        check.run()
        assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(rule.log_lr.float(), before) and rule.log_lr.grad is None
    assert {check.name for check in update_rule_checks(lambda: Adam(0.1))} < {
        check.name for check in update_rule_checks(LearnedRate)
    }


@pytest.mark.parametrize("given", [SGD(0.1), LearnedRate(0.1), 3])
def test_a_rule_in_place_of_what_makes_one(given):
    name = type(given).__name__
    with pytest.raises(TypeError) as caught:
        check_update_rule(given)
    assert str(caught.value) == (
        f"check_update_rule got {name}; expected a function without arguments that makes a new update rule at every "
        f"call. Write check_update_rule(lambda: {name}(...))."
    )


class Swapped(Momentum):
    """2. It returns (state, params), which have the same names and shapes."""

    def update(self, params, grads, state, loss):
        new, after = super().update(params, grads, state, loss)
        return after, new


class Dual(SGD):
    """Its params are the start minus the sum of all gradients: both are in its state, and nothing is wrong with it."""

    def init(self, params):
        return params, {k: torch.zeros_like(p) for k, p in params.items()}

    def update(self, params, grads, state, loss):
        start, total = state
        total = {k: t + grads[k] for k, t in total.items()}
        return {k: p - self.lr * total[k] for k, p in start.items()}, (start, total)


def test_params_and_state_in_the_wrong_order_are_found_though_they_look_alike():
    says = (
        r"^Swapped\.update returns new params that do not depend on .*; expected \(params, state\), as in `return new_"
    )
    with pytest.raises(CheckError, match=says):
        check_update_rule(lambda: Swapped(0.1))
    with pytest.raises(TypeError, match=says):
        TorchOptimizer([nn.Parameter(torch.ones(2))], Swapped(0.1))
    check_update_rule(lambda: Dual(0.1))

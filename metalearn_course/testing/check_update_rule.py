"""check_update_rule: what must hold for every update rule, hand-written or learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map

from .._common.console import say
from ..update_rules import Params, Trace, UpdateRule, check_rule, unroll
from ..update_rules.trial import is_swapped, swapped
from .checks import Check, CheckError, expect_equal, named, refuse_made

Make = Callable[[], UpdateRule]

SHAPES: dict[str, tuple[int, ...]] = {"layer.weight": (2, 3), "layer.bias": (2,), "scale": ()}
OTHER_SHAPES: list[dict[str, tuple[int, ...]]] = [{"w": ()}, {"w": (1,)}, {"0.w": (2, 1, 3, 3), "1.w": (4, 2)}]
SHIFTS = (0.0, 0.2, -0.5)  # a task moves the start of its training by one of these, and its minimum by three times that


@torch.random.fork_rng(devices=[])
def check_update_rule(make: Make, params: Params | None = None) -> None:
    """Test an update rule, made anew by calls of `make()`; raise CheckError with the first property it lacks.

    A rule that is a module is converted to float64, and once to float32, by its `to`.

    1. `init` and `update` leave their arguments unchanged.
    2. The state is a tree of tensors, and new params have the names and shapes of the old ones, and come first.
    3. The same inputs give the same result, whatever numbers were drawn and whatever was asked before.
    4. A run in two parts, by two rules, equals one run: all that a rule remembers is in its state.
    5. vmap over a stack of trainings equals a loop over them.
    6. float32 and float64 come out as they went in.
    7. Params may have any shapes.
    8. Derivatives through an update, and their derivatives, are finite, where a gradient is zero too.
    9. The gradient through a training equals finite differences: to its start, and to the rule's own parameters.

    `update_rule_checks` gives them one by one.

    Args:
        make: makes the rule, the same whenever it is called after the same seed.
        params: those that the rule is made for, where it fits no others (`CoordinateRates`); by default tensors of
            several shapes.

    Raises:
        CheckError: with the first property that it lacks.
        TypeError: for a rule in place of what makes one.
    """
    for check in update_rule_checks(make, params):
        check.run()
    say(f"{type(make()).__name__} passes check_update_rule ✓")


@torch.random.fork_rng(devices=[])
def update_rule_checks(make: Make, params: Params | None = None) -> list[Check]:
    """The checks that concern this rule, named, in the order of `check_update_rule`; see `meta_learner_checks`.

    Args:
        make: as in `check_update_rule`.
        params: as in `check_update_rule`.

    Returns:
        A `Check` for each property.
    """
    refuse_made(make, "check_update_rule", "update rule")
    torch.manual_seed(0)
    rule = make()
    check_rule(rule)
    start = _drawn(SHAPES) if params is None else {name: p.detach().double() for name, p in params.items()}
    checks = [
        inputs_stay_as_they_are,
        state_is_a_tree_of_tensors,
        same_inputs_give_the_same_result,
        run_in_two_parts_equals_one_run,
        vmap_equals_the_loop,
        float32_and_float64_come_out_as_they_went_in,
    ]
    if params is None:
        checks.append(params_may_have_any_shapes)
    checks += [derivatives_are_finite, gradient_to_the_start_equals_finite_differences]
    if isinstance(rule, nn.Module) and any(p.requires_grad for p in rule.parameters()):
        checks.append(gradient_to_the_rule_equals_finite_differences)
    return [named(check, make, start) for check in checks]


def _drawn(shapes: dict[str, tuple[int, ...]]) -> Params:
    generator = torch.Generator().manual_seed(1)
    return {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}


def _made(make: Make, dtype: torch.dtype = torch.float64) -> UpdateRule:
    torch.manual_seed(0)
    rule = make()
    return rule.to(dtype) if isinstance(rule, nn.Module) else rule


def _flat(params: Params) -> Tensor:
    return torch.cat([p.flatten() for p in params.values()])


def _loss(params: Params, target: Tensor | float) -> Tensor:
    """Not a quadratic, and every coordinate depends on every other."""
    theta = _flat(params)
    return (theta - target).square().mean() + 0.1 * theta.sum().sin() + 0.01 * theta.pow(4).mean()


def _trained(rule: UpdateRule, start: Params, shift: Tensor | float = 0.0, steps: int = 3, state: Any = None) -> Trace:
    """The trace of a training; `shift` makes tasks of one start."""
    moved = {name: p + shift for name, p in start.items()}
    return unroll(_loss, rule, moved, [3 * shift] * steps, state)


def _inputs(rule: UpdateRule, start: Params) -> tuple[Params, Params, Any, Tensor]:
    """What the second update of a training is given."""
    params, state = start, rule.init(start)
    grads, loss = grad_and_value(_loss)(params, 0.0)
    params, state = rule.update(params, grads, state, loss)
    _expect_shapes(rule, params, start)
    grads, loss = grad_and_value(_loss)(params, 0.0)
    return params, grads, state, loss


def inputs_stay_as_they_are(make: Make, start: Params) -> None:
    """Neither `init` nor `update` writes into its arguments."""
    rule = _made(make)
    params, grads, state, loss = _inputs(rule, start)
    _expect_unchanged(rule, "init", rule.init, {"params": params})
    _expect_unchanged(rule, "update", rule.update, {"params": params, "grads": grads, "state": state, "loss": loss})


def _expect_unchanged(rule: UpdateRule, what: str, method: Callable[..., Any], given: dict[str, Any]) -> None:
    before = tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else leaf, given)
    method(*given.values())
    for name, value in given.items():
        if not _same(value, before[name]):
            raise CheckError(f"{type(rule).__name__}.{what} changes its {name} in place; expected new tensors.")


def _same(tree: Any, other: Any) -> bool:
    """Bit for bit, and of the same form."""
    leaves = zip(tree_leaves(tree), tree_leaves(other), strict=False)
    return tree_flatten(tree)[1] == tree_flatten(other)[1] and all(
        torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else a == b for a, b in leaves
    )


def state_is_a_tree_of_tensors(make: Make, start: Params) -> None:
    """The state holds tensors only; new params have the names and shapes of the old ones, and come first."""
    rule = _made(make)
    params, grads, state, loss = _inputs(rule, start)
    new, after = rule.update(params, grads, state, loss)
    for what, tree in (("init", rule.init(params)), ("update", after)):
        if others := [type(leaf).__name__ for leaf in tree_leaves(tree) if not isinstance(leaf, Tensor)]:
            raise CheckError(
                f"The state that {type(rule).__name__}.{what} returns holds an object of type {others[0]}; expected "
                f"tensors only: torch.tensor(0) for a number, () where there is nothing to remember."
            )
    _expect_shapes(rule, new, params)
    if is_swapped(rule, params, grads, loss):
        raise CheckError(swapped(rule))


def _expect_shapes(rule: UpdateRule, new: Params, params: Params) -> None:
    got, want = ([(name, tuple(p.shape)) for name, p in each.items()] for each in (new, params))
    if got != want:
        raise CheckError(f"{type(rule).__name__}.update returns params {got}; it was given {want}.")


def same_inputs_give_the_same_result(make: Make, start: Params) -> None:
    """An update depends on its arguments alone: not on random numbers, and not on calls before."""
    rule = _made(make)
    given = _inputs(rule, start)
    results = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        results.append(rule.update(*given))
    another = _made(make)
    another.init(given[0])
    results.append(another.update(*given))
    if not (_same(results[0], results[1]) and _same(results[0], results[2])):
        raise CheckError(
            f"{type(rule).__name__}: the same params, grads, state and loss give another result when asked again. It "
            f"draws random numbers, or remembers what its state does not hold."
        )


def run_in_two_parts_equals_one_run(make: Make, start: Params) -> None:
    """A second rule goes on from the state of a first one, bit for bit."""
    whole = _trained(_made(make), start, steps=4)
    first = _trained(_made(make), start, steps=2)
    another = _made(make)
    another.init(start)  # as a training that is resumed does; the state that it goes on from is the first one's
    second = _trained(another, first.params, steps=2, state=first.state)
    expect_equal(_flat(second.params), _flat(whole.params), "a run in two parts", "one run", tolerance=0.0)


def vmap_equals_the_loop(make: Make, start: Params) -> None:
    """A stack of trainings ends where its trainings end one by one."""
    rule, shifts = _made(make), torch.tensor(SHIFTS, dtype=torch.float64)
    try:
        stack = vmap(lambda shift: _flat(_trained(rule, start, shift).params))(shifts)
    except RuntimeError as error:
        raise CheckError(f"{type(rule).__name__} does not run under vmap: {error}") from error
    loop = torch.stack([_flat(_trained(rule, start, shift).params) for shift in shifts])
    expect_equal(stack, loop, "a stack of trainings under vmap", "a loop over them", tolerance=1e-9)


def float32_and_float64_come_out_as_they_went_in(make: Make, start: Params) -> None:
    """Params keep their dtype, and both end at the same numbers."""
    ends = []
    for dtype in (torch.float32, torch.float64):
        rule = _made(make, dtype)
        after = _trained(rule, {name: p.to(dtype) for name, p in start.items()}).params
        if others := [p.dtype for p in after.values() if p.dtype != dtype]:
            raise CheckError(f"{type(rule).__name__}.update returns {others[0]} for params in {dtype}.")
        ends.append(_flat(after).double())
    single, double = ends
    expect_equal(single, double, "a training in float32", "one in float64", tolerance=1e-3)


def params_may_have_any_shapes(make: Make, start: Params) -> None:
    """Scalars, single numbers and filters are updated, too, and stay finite."""
    for shapes in OTHER_SHAPES:
        rule, params = _made(make), _drawn(shapes)
        after = _trained(rule, params).params
        _expect_shapes(rule, after, params)
        if not _flat(after).isfinite().all():
            raise CheckError(f"{type(rule).__name__} leads to params that are not finite, of shapes {shapes}.")


def derivatives_are_finite(make: Make, start: Params) -> None:
    """Of two updates: first and second derivatives at gradients that are zero, tiny, and as they are."""
    rule = _made(make)
    params, grads, _, loss = _inputs(rule, start)
    for size in (0.0, 1e-8, 1.0):
        mine, slopes = ({name: p.detach().clone() for name, p in each.items()} for each in (params, grads))
        slopes = {name: size * g for name, g in slopes.items()}
        inputs = [*mine.values(), *slopes.values(), value := loss.detach().clone()]
        for leaf in inputs:
            leaf.requires_grad_()
        if isinstance(rule, nn.Module):
            inputs += [p for p in rule.parameters() if p.requires_grad]
        new, state = rule.update(mine, slopes, rule.init(mine), value)
        new, _ = rule.update(new, slopes, state, value)
        total = _flat(new).square().sum()
        for order in ("first", "second"):
            found = [g for g in _gradient(total, inputs) if g is not None]
            if not all(g.isfinite().all() for g in found):
                raise CheckError(
                    f"{type(rule).__name__}: a {order} derivative through its updates is not finite at gradients times "
                    f"{size:g}. Is there a root or a division at zero? Epsilon belongs inside the root."
                )
            total = torch.stack([g.sum() for g in found]).sum() if found else total.detach()


def _gradient(scalar: Tensor, inputs: list[Tensor]) -> tuple[Tensor | None, ...]:
    if not scalar.requires_grad:
        return (None,) * len(inputs)
    return torch.autograd.grad(scalar, inputs, create_graph=True, allow_unused=True)


class _Training(nn.Module):
    """What a meta-learner does with a rule: the loss after a training."""

    def __init__(self, rule: UpdateRule) -> None:
        super().__init__()
        self.rule = rule

    def forward(self, start: Params) -> Tensor:
        return _loss(_trained(self.rule, start).params, 0.3)


def gradient_to_the_start_equals_finite_differences(make: Make, start: Params) -> None:
    """Through the inner gradients too: along one random direction, in float64."""
    _expect_slope(_Training(_made(make)), start, "its start")


def gradient_to_the_rule_equals_finite_differences(make: Make, start: Params) -> None:
    """To all that the rule learns: along one random direction, in float64."""
    training = _Training(_made(make))
    phi = {name: p.detach() for name, p in training.named_parameters() if p.requires_grad}

    def loss(phi: Params) -> Tensor:
        return functional_call(training, phi, (start,))

    _expect_slope(loss, phi, "the rule's own parameters")


def _expect_slope(loss: Callable[[Params], Tensor], at: Params, what: str) -> None:
    leaves = {name: p.detach().clone().requires_grad_() for name, p in at.items()}
    grads = _gradient(loss(leaves), [*leaves.values()])
    generator = torch.Generator().manual_seed(0)
    direction = {k: torch.randn(p.shape, generator=generator, dtype=p.dtype) for k, p in at.items()}
    along = [(g * d).sum() for g, d in zip(grads, direction.values(), strict=True) if g is not None]
    by_gradient = torch.stack(along).sum().detach() if along else torch.zeros((), dtype=torch.float64)
    with torch.no_grad():
        sides = [loss({k: p + side * direction[k] for k, p in at.items()}) for side in (1e-6, -1e-6)]
    by_difference = (sides[0] - sides[1]) / 2e-6
    expect_equal(by_gradient, by_difference, f"the gradient to {what}", "finite differences", tolerance=1e-5)

"""Checks for lesson 08, learning how to step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, tensor
from torch.func import vmap
from torch.utils._pytree import tree_leaves, tree_map

from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    expect_kind,
    near,
    show,
)
from metalearn_course.update_rules import Adam, Momentum, Params, unroll


def _f64(value: Any) -> Tensor:
    return tensor(value, dtype=torch.float64)


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _unwatched(answer: Answer) -> Callable[..., Any]:
    """The answer for inputs that are results themselves, whose `.grad` cannot be watched."""
    return lambda *args: answer.within(lambda function: function(*args))


def _with_gradient(tree: Any) -> Any:
    return tree_map(lambda t: t.clone().requires_grad_(), tree)


def _slopes(result: Tensor, leaves: list[Tensor]) -> list[Tensor | None]:
    """The gradient of a scalar with respect to every leaf; None where none arrives."""
    if not result.requires_grad:
        return [None] * len(leaves)
    return list(torch.autograd.grad(result, leaves, retain_graph=True, allow_unused=True))


def _expect_runs_under_vmap(
    answer: Answer, expression: Callable[[Callable[..., Any]], Any], want: Any, what: str, advice: str
) -> None:
    try:
        got = answer.within(expression, like=want)
    except Mistake as mistake:
        if mistake.name != "raised":
            raise
        raise Mistake(
            "breaks_under_vmap",
            f"It is right by itself, but `vmap` has to run it for a stack. {advice} What happened there: "
            f"{mistake.message}.",
            mistake.name,
        ) from None
    expect_close(got, want, what)


_POINT = {"w": tensor([1.0, 2.0, -1.0]), "b": tensor(0.5)}
_SLOPES = {"w": tensor([2.0, -1.0, 4.0]), "b": tensor(3.0)}
_RATES = {"w": tensor([0.5, -0.25, 0.125]), "b": tensor(0.1)}


@exercise(
    lesson="08",
    title="a rate for every coordinate",
    minutes=5,
    difficulty=1,
    mistakes=("one_rate_for_all", "exponentiates", "forces_positive", "climbs", "cuts_gradient", "breaks_under_vmap"),
    hints=(
        "The step of gradient descent multiplies a whole gradient by one number. Which shape does that number need so "
        "that every weight has its own?",
        "A rate stands beside every weight: for each name, multiply two tensors of the same shape, number by number. "
        "Take the rates as they come, negative ones as well.",
        "`{name: p - rates[name] * grads[name] for name, p in params.items()}`.",
    ),
)
def meta_sgd_step(answer: Answer) -> str:
    got = answer(_POINT, _SLOPES, _RATES, like=_POINT)
    _name_the_rates(got)
    expect_close(got, _by_rates(_POINT, _SLOPES, _RATES), f"the parameters after a step from {show(_POINT)}")
    inputs = [_with_gradient(tree) for tree in (_POINT, _SLOPES, _RATES)]
    stepped = answer(*inputs, like=_POINT)
    total = sum(p.sum() for p in stepped.values())
    for what, tree, why in (
        ("params", inputs[0], "the start could not be learned, nor anything that earlier steps depend on"),
        ("grads", inputs[1], "second derivatives would be lost; whoever wants that detaches the gradients before"),
        ("rates", inputs[2], "the rates could not be learned, and they are what this rule is for"),
    ):
        if any(slope is None for slope in _slopes(total, list(tree.values()))):
            raise Mistake(
                "cuts_gradient",
                f"The step is right, but no gradient arrives at `{what}`: {why}. Is there a `detach`, an `item`, a "
                "`no_grad` or a `data` on the way?",
            )
    shapes = {"0.weight": (2, 3), "0.bias": (2,), "2.weight": (1, 2)}
    trees = [{n: _random(*shape, seed=9 * i + len(n)) for n, shape in shapes.items()} for i in range(3)]
    expect_close(answer(*trees, like=trees[0]), _by_rates(*trees), "the parameters of a small network after a step")
    stacks = [{name: torch.stack([p, 2 * p, -p]) for name, p in tree.items()} for tree in trees[:2]]
    _expect_runs_under_vmap(
        answer,
        lambda function: vmap(lambda params, grads: function(params, grads, trees[2]))(*stacks),
        vmap(lambda params, grads: _by_rates(params, grads, trees[2]))(*stacks),
        "`vmap` of a step, for three tasks that share their rates",
        "There no `if` can look at a tensor's values, and no tensor becomes a Python number.",
    )
    return "every coordinate has a rate of its own, with a sign of its own."


def _by_rates(params: Params, grads: Params, rates: Params) -> Params:
    return {name: p - rates[name] * grads[name] for name, p in params.items()}


def _name_the_rates(got: Params) -> None:
    told = f"From w = {show(_POINT['w'])}, with gradient {show(_SLOPES['w'])} and rates {show(_RATES['w'])}"
    used = (_POINT["w"] - got["w"].detach()) / _SLOPES["w"]
    if near(used, used[:1].expand(3)) and used.any():
        raise Mistake(
            "one_rate_for_all",
            f"{told}, you come to {show(got['w'])}: each coordinate went by {show(used[0].item())} times its gradient. "
            "That is gradient descent with one rate. Here every coordinate has its own: `rates[name]` has the shape of "
            "the parameter, so multiply number by number.",
        )
    for name, wrong, says in (
        (
            "climbs",
            -_RATES["w"],
            "that is a step the other way. A rate above 0 goes downhill: subtract",
        ),
        (
            "exponentiates",
            _RATES["w"].exp(),
            "that comes out when the step goes by exp(rate). Then no rate could be negative, or 0. Meta-SGD learns the "
            "rates themselves, and a coordinate may climb: take them as they are",
        ),
    ):
        if near(used, wrong):
            raise Mistake(name, f"{told}, you come to {show(got['w'])}: {says}.")
    if used[1] >= 0 and (used[[0, 2]] > 0).all():
        share = show(used[1].item() + 0.0)
        raise Mistake(
            "forces_positive",
            f"{told}, you come to {show(got['w'])}: coordinate 1, with the rate -0.25, went by {share} times "
            "its gradient. A rate may be negative: what is uphill for the support set can be right for the query "
            "set. Use it as it is, without `abs`, `clamp` or `softplus`.",
        )


@exercise(
    lesson="08",
    title="numbers of any size",
    minutes=8,
    difficulty=2,
    mistakes=(
        "log_of_negative",
        "no_clamp",
        "no_division_by_p",
        "sign_of_small",
        "stacks_in_front",
        "swaps_the_two",
        "nan_slope",
        "cuts_gradient",
        "breaks_under_vmap",
    ),
    hints=(
        "What is the logarithm of a negative number, of zero, and of a number just above zero? Which of the three can "
        "occur in a gradient?",
        "Each of the two numbers is a line by itself. The first is a logarithm that is kept from falling below -1: it "
        "is safest to lift what is too small before the logarithm is taken. The second is a straight line through 0, "
        "cut off at -1 and at 1. Join them along a new last dimension.",
        "`size = x.abs().clamp_min(math.exp(-p)).log() / p`, `sign = (math.exp(p) * x).clamp(-1, 1)`, and "
        "`torch.stack([size, sign], dim=-1)`.",
    ),
)
def log_and_sign(answer: Answer) -> str:
    large = tensor([1.0, 10.0, 0.1])
    got = _pairs(answer, large)
    _name_the_size(got, large)
    expect_close(got, _log_and_sign(large, 5.0), f"x = {show(large)}, p = 5")
    _expect_negative(answer, -large)
    _expect_small(answer)
    _expect_slopes(answer)
    for x, p in ((tensor(-3.0), 7.0), (_random(2, 3, 2, seed=0) * 1e-3, 10.0), (_random(4, seed=1).exp(), 2.0)):
        want = _log_and_sign(x, p)
        expect_close(answer(x, p, like=want), want, f"x of shape {tuple(x.shape)}, p = {p:g}")
    x = tensor([[2.0, -0.5, 0.0], [1e-4, -1e-4, 30.0]])
    _expect_runs_under_vmap(
        answer,
        lambda function: vmap(lambda row: function(row, 5.0))(x),
        _log_and_sign(x, 5.0),
        "`vmap` over the rows of x",
        "There nothing can be picked by a mask, as in `out[small] = ...`, and no `if` can look at a value: compute "
        "both cases and let `torch.where` choose, or use `clamp`.",
    )
    return "numbers of any size, told in two that a small network can read."


def _log_and_sign(x: Tensor, p: float) -> Tensor:
    size = x.abs().clamp_min(math.exp(-p)).log() / p
    return torch.stack([size, (math.exp(p) * x).clamp(-1, 1)], dim=-1)


def _pairs(answer: Answer, x: Tensor) -> Tensor:
    """The result for `x` with p = 5, of the right kind."""
    try:
        return answer(x, 5.0, like=_log_and_sign(x, 5.0))
    except Mistake as mistake:
        if mistake.name == "wrong_shape" and "has shape (2, 3);" in mistake.message:
            raise Mistake(
                "stacks_in_front",
                f"{mistake.message} The two numbers that tell of one x belong side by side, in a new last dimension: "
                "that is what a network reads, one row for each x. `torch.stack` puts its dimension first unless told "
                "`dim=-1`.",
                mistake.name,
            ) from None
        raise


def _name_the_size(got: Tensor, x: Tensor) -> None:
    want = _log_and_sign(x, 5.0)
    if near(got, want.flip(-1)):
        raise Mistake(
            "swaps_the_two",
            f"For x = {show(x)} and p = 5, you return {show(got)}: the sign stands before the size. Size first.",
        )
    if near(got[:, 0], 5 * want[:, 0]):
        raise Mistake(
            "no_division_by_p",
            f"For x = {show(x)} and p = 5, the sizes should be {show(want[:, 0])}; yours are {show(got[:, 0])}, the "
            "logarithm as it is. Divided by p, the smallest size is -1 whatever p is, and the network meets numbers of "
            "about size one.",
        )


def _expect_negative(answer: Answer, x: Tensor) -> None:
    got, want = answer(x, 5.0), _log_and_sign(x, 5.0)
    if not near(got[..., 0], want[..., 0]):
        raise Mistake(
            "log_of_negative",
            f"Positive x are right, but for x = {show(x)} the sizes come out as {show(got[..., 0])}; expected "
            f"{show(want[..., 0])}, the same as for positive x. A negative number has no logarithm, and half of all "
            "gradients are negative: take the logarithm of the absolute value. The sign is told beside it.",
        )
    expect_close(got, want, f"x = {show(x)}, p = 5")


def _expect_small(answer: Answer) -> None:
    for x in (tensor([0.001, -0.001]), tensor([0.0])):
        got, want = answer(x, 5.0), _log_and_sign(x, 5.0)
        size, sign = got[..., 0], got[..., 1]
        if not near(size, want[..., 0]) and ((size < -1.01) | size.isnan()).any():
            raise Mistake(
                "no_clamp",
                f"With p = 5, x = {show(x)} is closer to 0 than exp(-5) = 0.0067, and its size should be -1; yours is "
                f"{show(size)}. Towards 0 a logarithm falls without end, to minus infinity at 0, where gradients often "
                "are. Below exp(-p), the size stays at -1.",
            )
        if not near(sign, want[..., 1]) and near(sign, x.sign()):
            raise Mistake(
                "sign_of_small",
                f"With p = 5, x = {show(x)} is closer to 0 than exp(-5) = 0.0067; its second number should be "
                f"exp(5) x = {show(want[..., 1])}, and yours is {show(sign)}. There the size says no more than 'tiny', "
                "and a sign alone would jump from -1 to 1 at 0. The line exp(p) x leads from one to the other.",
            )
        expect_close(got, want, f"x = {show(x)}, p = 5")


def _expect_slopes(answer: Answer) -> None:
    x = tensor([0.0, 0.001, -0.001, 2.0, -2.0], requires_grad=True)
    got, there = answer(x, 5.0), x.detach().clone().requires_grad_()
    want = _log_and_sign(there, 5.0)
    for i, what in enumerate(("size", "sign")):
        (slope,), (right,) = _slopes(got[:, i].sum(), [x]), _slopes(want[:, i].sum(), [there])
        told = f"At x = {show(x)}, p = 5, all values are right, and the slopes of the {what} should be {show(right)}"
        if slope is None:
            raise Mistake(
                "cuts_gradient",
                f"{told}; but no gradient arrives at x. A gradient of the learner is a function of its weights, and "
                "an exact meta-gradient runs through it. Stay with tensors, without `detach` or Python numbers.",
            )
        if slope.isnan().any():
            raise Mistake(
                "nan_slope",
                f"{told}; yours are {show(slope)}. `log` has an infinite slope at 0, and what cuts its value off "
                "afterwards, `where` or `clamp`, multiplies that by 0: NaN. Lift |x| to exp(-p) before the logarithm.",
            )
        expect_close(slope, right, f"the slopes of the {what} at x = {show(x)}, p = 5")


_PART = "the cell was handed a part of phi"
_PHI: Params = {
    "read": _f64([1.0, -0.5, 0.7]),
    "memory": _f64([[0.3, -0.6, 0.2], [0.5, 0.4, -0.1], [-0.2, 0.3, 0.6]]),
    "out": _f64([0.4, 0.3, -0.5]),
    "start": _f64([0.1, -0.2, 0.3]),
}


def _cell(phi: Params, g: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """A small recurrent network: one gradient () and the hidden state (3,) make a step () and the next state."""
    if phi["memory"].shape != (3, 3):
        raise ValueError(f"{_PART}, 'memory' of shape {tuple(phi['memory'].shape)}; expected {(3, 3)}")
    h = (g * phi["read"] + h @ phi["memory"]).tanh()
    return h @ phi["out"], h


def _reference(params: Params, history: list[Params], phi: Params = _PHI, cut: bool = False) -> list[Params]:
    """The parameters after each of the steps; `cut` detaches the hidden states between them."""
    states = {name: phi["start"].expand(p.numel(), -1) for name, p in params.items()}
    path = []
    for grads in history:
        moved = {name: vmap(_cell, (None, 0, 0))(phi, grads[name].flatten(), states[name]) for name in params}
        params = {name: p + moved[name][0].reshape(p.shape) for name, p in params.items()}
        states = {name: h.detach() if cut else h for name, (_, h) in moved.items()}
        path.append(params)
    return path


def _run(answer: Answer, params: Params, history: list[Params], phi: Params = _PHI) -> list[Params]:
    """The learner's parameters after each of the steps."""
    call = _unwatched(answer) if phi is not _PHI else answer
    states, path = None, []
    for grads in history:
        got = call(_cell, phi, params, grads, states)
        pair = isinstance(got, tuple) and len(got) == 2
        expect_kind(got, (params, got[1] if pair else params), f"the result of `{answer.name}`")
        params, states = got
        path.append(params)
    return path


_THREE = {"w": _f64([1.0, 2.0, 3.0])}
_FIRST, _SECOND = {"w": _f64([0.5, -1.0, 2.0])}, {"w": _f64([1.0, 0.3, -0.7])}


@exercise(
    lesson="08",
    title="one rule for every coordinate",
    minutes=12,
    difficulty=3,
    mistakes=(
        "one_state_for_all",
        "weights_per_coordinate",
        "mixes_gradients",
        "forgets_state",
        "subtracts_step",
        "returns_the_step",
        "cuts_gradient",
        "breaks_under_vmap",
    ),
    hints=(
        "Two coordinates have seen different gradients so far. May they remember the same? And if they have seen the "
        "same ones, may they do different things?",
        "A parameter of n numbers needs n hidden states, a row for each; at first every row is `phi['start']`. Lay the "
        "gradient out flat and let `vmap` run the cell over its n numbers and the n states, with the same `phi` for "
        "all (`in_dims=(None, 0, 0)`). Give the n steps the shape of the parameter, and add them.",
        "For each name: `step, states[name] = vmap(cell, in_dims=(None, 0, 0))(phi, grads[name].flatten(), h)`, where "
        "`h` is `phi['start'].expand(p.numel(), -1)` before the first step, and the new parameter is "
        "`p + step.reshape(p.shape)`. Collect the new states in a new dict.",
    ),
)
def coordinatewise(answer: Answer) -> str:
    _name_the_walk(answer)
    shapes = {"0.weight": (2, 3), "0.bias": (3,), "2.weight": (1, 3), "scale": ()}
    params = {name: _random(*shape, seed=i) for i, (name, shape) in enumerate(shapes.items())}
    history = [
        {name: _random(*shape, seed=10 * t + i) for i, (name, shape) in enumerate(shapes.items())} for t in (1, 2, 3)
    ]
    for t, (got, want) in enumerate(
        zip(_run(answer, params, history), _reference(params, history), strict=True), start=1
    ):
        expect_close(got, want, f"the parameters of a wider network, four tensors, after step {t}")
    _expect_meta_gradient(answer, params, history)
    _expect_stack(answer, params, history)
    return "one set of weights, and a memory for every coordinate: the rule fits a network of any size."


def _name_the_walk(answer: Answer) -> None:
    """Two steps of a parameter with three numbers."""
    try:
        first, second = (path["w"] for path in _run(answer, _THREE, [_FIRST, _SECOND]))
    except Mistake as mistake:
        if _PART not in mistake.message:
            raise
        raise Mistake("weights_per_coordinate", f"{_OWN_WEIGHTS} What happened: {mistake.message}.", "raised") from None
    right, then = (path["w"] for path in _reference(_THREE, [_FIRST, _SECOND]))
    start = _THREE["w"]
    told = f"From w = {show(start)}, the first steps should lead to {show(right)}; yours to {show(first)}"
    if near(first, 2 * start - right):
        raise Mistake("subtracts_step", f"{told}: the other way. What the cell returns is the step itself: add it.")
    if near(first, right - start):
        raise Mistake("returns_the_step", f"{told}: that is the way to go, not where it leads. Add it to `params`.")
    if not near(first, right):
        _name_the_first_step(answer, told)
    expect_close(first, right, "w after the first step")
    again = right + _reference(_THREE, [_SECOND])[0]["w"] - start
    if near(second, again):
        raise Mistake(
            "forgets_state",
            f"The first step is right. The second should lead to {show(then)}; yours leads to {show(second)}, as if it "
            "were the first again: every hidden state began at `phi['start']`. `states` is what you returned after "
            "the step before: go on from there.",
        )
    if not near(second, then) and _talks(answer, [0, 1, 2], step=1):
        raise Mistake(
            "one_state_for_all",
            f"The first step is right. The second should lead to {show(then)}; yours leads to {show(second)}, and it "
            "changes when **another** coordinate had a different gradient in the first step. The coordinates share one "
            "hidden state: the memory of one runs into the steps of the others. Each keeps a state of its own.",
        )
    expect_close(second, then, "w after the second step")


def _name_the_first_step(answer: Answer, told: str) -> None:
    if _talks(answer, [1, 2], step=0):
        raise Mistake(
            "mixes_gradients",
            f"{told}. The step of one coordinate changes with the gradient of another, later one: the cell was handed "
            "several gradients at once, or their sum. It is made for a single one: run it for each coordinate by "
            "itself.",
        )
    if _talks(answer, [0], step=0):
        raise Mistake(
            "one_state_for_all",
            f"{told}. A coordinate's step changes with the gradient of the one before it: the hidden state that the "
            "cell returned was handed on from coordinate to coordinate. It belongs to the next **step** of the same "
            "coordinate; each coordinate keeps a state of its own.",
        )
    same = _run(answer, _THREE, [{"w": _f64([0.5, 0.5, 0.5])}])[0]["w"] - _THREE["w"]
    if not near(same, same[:1].expand(3)):
        raise Mistake(
            "weights_per_coordinate",
            f"{told}. When all three gradients are 0.5, the three go by {show(same)}. {_OWN_WEIGHTS}",
        )


_OWN_WEIGHTS = (
    "Every coordinate has weights of its own, a row of `phi`. There happen to be three of both here; on "
    "a wider network the rows run out. The cell takes all of `phi`, the same for every coordinate: under `vmap`, "
    "that is an `in_dims` of `None`."
)


def _talks(answer: Answer, changed: list[int], step: int) -> bool:
    """Whether the gradient of a `changed` coordinate moves other ones: in the same step (0) or in the next (1).

    In the same step only coordinates before the changed one are looked at, unless it is the first.
    """
    history = [_FIRST, _SECOND][: step + 1]
    before = _run(answer, _THREE, history)[-1]["w"]
    for i in changed:
        other = _FIRST["w"].clone()
        other[i] += 1.0
        after = _run(answer, _THREE, [{"w": other}, *history[1:]])[-1]["w"]
        looked = [j for j in range(3) if (j < i if step == 0 and i else j != i)]
        if not near(after[looked], before[looked]):
            return True
    return False


def _expect_meta_gradient(answer: Answer, params: Params, history: list[Params]) -> None:
    """What reaches phi, the first parameters and the gradients from the parameters after three steps."""

    def slopes(run: Callable[..., list[Params]], *extra: Any) -> list[Any]:
        phi, start, first = (_with_gradient(tree) for tree in (_PHI, params, history[0]))
        end = run(start, [first, *history[1:]], phi, *extra)[-1]
        loss = sum(p.square().sum() for p in end.values())
        return [dict(zip(t, _slopes(loss, list(t.values())), strict=True)) for t in (phi, start, first)]

    got, want = slopes(lambda *args: _run(answer, *args)), slopes(_reference)
    told = "The steps are right, but"
    for what, reached in zip(("phi", "params", "grads"), got, strict=True):
        if any(slope is None for slope in reached.values()) and what != "grads":
            raise Mistake(
                "cuts_gradient",
                f"{told} from the parameters after three steps no gradient arrives at `{what}`, and the rule cannot be "
                "meta-trained. Is there a `detach`, a `no_grad` or a copy on the way?",
            )
    missing = any(slope is None for slope in got[2].values())
    if missing or (not near(got[0], want[0]) and near(got[0], slopes(_reference, True)[0])):
        raise Mistake(
            "cuts_gradient",
            f"{told} what a coordinate remembers is cut off from where it came from: no gradient runs through the "
            "hidden states from step to step, or none through `grads`. Then the rule never learns what to remember. "
            "Detach nothing here.",
        )
    for what, reached, expected in zip(("phi", "params", "grads"), got, want, strict=True):
        expect_close(reached, expected, f"the gradient for `{what}` after three steps of a wider network")


def _expect_stack(answer: Answer, params: Params, history: list[Params]) -> None:
    """The same for a stack of tasks, with states that come out of `vmap` and go in again."""
    start, first, second = (
        {n: torch.stack([p, 2 * p, -p]) for n, p in tree.items()} for tree in (params, *history[:2])
    )

    def two_steps(function: Callable[..., Any]) -> Params:
        moved, states = vmap(lambda p, g: function(_cell, _PHI, p, g, None))(start, first)
        return vmap(lambda p, g, s: function(_cell, _PHI, p, g, s))(moved, second, states)[0]

    want = vmap(lambda p, g, h: _reference(p, [g, h])[-1])(start, first, second)
    _expect_runs_under_vmap(
        answer,
        two_steps,
        want,
        "`vmap` of two steps, for a stack of three tasks",
        "There no `if` can look at a tensor's values, and what comes out, the states as well, has to be tensors (in "
        "dicts, lists or tuples), without Python numbers.",
    )


_GRID = [0.25, 0.5, 1.0, 2.0, 4.0]
_TUNING, _HELD_OUT = tensor([-1.6, -1.4, 1.9]), tensor([-0.4, 2.1, 1.6])


def _score(rate: Any, problems: Tensor) -> Tensor:
    """Problems are numbers: a problem is easiest at the rate 2 ** problem."""
    return 1 + (torch.as_tensor(float(rate)).log2() - problems).square()


def _means(score: Callable[..., Tensor], grid: list[float], problems: Tensor) -> str:
    return ", ".join(f"{score(rate, problems).mean():.3g} at {rate:g}" for rate in grid)


@exercise(
    lesson="08",
    title="a fair reference",
    minutes=10,
    difficulty=2,
    stretch=True,
    mistakes=(
        "tunes_on_held_out",
        "best_rate_per_problem",
        "reports_tuning_loss",
        "accepts_edge",
        "widens_one_side",
        "widens_once",
        "nan_wins",
        "leaves_out_diverged",
    ),
    hints=(
        "If the best rate is the largest that you tried, what do you know about larger ones? And when may you look at "
        "the held-out problems?",
        "One mean loss for each rate of the grid, over the tuning problems; what is not finite counts as infinity. "
        "While the lowest stands at an end of the grid, put another rate beyond that end, and ask again. Score "
        "the held-out problems once, at the very end.",
        "`mean = lambda rate: score(rate, tuning).mean().nan_to_num(math.inf).item()`; `while True:` find "
        "`best = min(grid, key=mean)`; if it is `grid[0]`, go on with `[grid[0] / factor, *grid]`, if `grid[-1]`, with "
        "`[*grid, grid[-1] * factor]`; otherwise return `best, score(best, held_out).mean().item()`.",
    ),
)
def tune_fairly(answer: Answer) -> str:
    rate, loss = answer(_score, list(_GRID), _TUNING, _HELD_OUT, like=(0.0, 0.0))
    other, _ = answer(_score, list(_GRID), _TUNING, _HELD_OUT - 3.0, like=(0.0, 0.0))
    told = f"The mean loss of the tuning problems is {_means(_score, _GRID, _TUNING)}, and you choose {rate:.4g}"
    if not near(rate, other):
        raise Mistake(
            "tunes_on_held_out",
            f"{told}, but {other:.4g} once the held-out problems are replaced by others: they had a say in it. A "
            "rate that was chosen on the problems it is judged on has an advantage that your learned rule does not "
            "have. Choose on the tuning problems alone.",
        )
    _name_the_oracle(rate, loss, told)
    expect_close(rate, 1.0, told)
    expect_close(loss, _score(1.0, _HELD_OUT).mean().item(), "the mean held-out loss at the rate 1")
    _expect_interior(answer)
    _expect_divergence(answer)
    grid, shift = [0.01 * 1.5**k for k in range(4)], math.log2(0.01) + 3.3
    want = min((0.01 * 1.5**k for k in range(20)), key=lambda r: _score(r, _TUNING + shift).mean().item())
    got = answer(_score, grid, _TUNING + shift, _HELD_OUT + shift, like=(0.0, 0.0))
    expected = (want, _score(want, _HELD_OUT + shift).mean().item())
    expect_close(got, expected, f"rate and held-out loss for the grid {show(tensor(grid))}, widened by factors of 1.5")
    return "the reference got its best rate, and saw no more of the test than your rule did."


def _name_the_oracle(rate: float, loss: float, told: str) -> None:
    tables = [torch.stack([_score(r, problems) for r in _GRID]) for problems in (_TUNING, _HELD_OUT)]
    own = tensor(_GRID)[tables[0].argmin(0)]
    if any(near(loss, table.min(0).values.mean().item()) for table in tables) or any(
        near(rate, number.item()) for number in (own.mean(), own.median(), own.log().mean().exp())
    ):
        raise Mistake(
            "best_rate_per_problem",
            f"{told}, with the loss {loss:.4g}. That is made of the best rate of each problem by itself, "
            f"{show(own)} on the tuning problems. Nobody knows these before having tried all rates on that very "
            "problem: it is an oracle. Take the mean over the problems first, and then one rate for all of them.",
        )
    if near(rate, 1.0) and near(loss, tables[0][2].mean().item()):
        raise Mistake(
            "reports_tuning_loss",
            f"{told}: right. But the loss that you report, {loss:.4g}, is that of the tuning problems, for which the "
            "rate was chosen. Report that of the held-out problems.",
        )


def _expect_interior(answer: Answer) -> None:
    """The optimum lies far beyond one end of the grid, then beyond the other."""
    found = {
        end: answer(_score, list(_GRID), _TUNING + shift, _HELD_OUT, like=(0.0, 0.0))[0]
        for end, shift in ((4.0, 9.0), (0.25, -9.0))
    }
    wants, factors = {4.0: 2.0**9, 0.25: 2.0**-9}, {4.0: 2.0, 0.25: 0.5}
    stuck = [end for end, rate in found.items() if near(rate, end)]
    beyond = "With the tuning problems moved, the grid"
    if len(stuck) == 2:
        raise Mistake(
            "accepts_edge",
            f"{beyond} {show(tensor(_GRID))} has its lowest mean loss at an end, and you choose that end: "
            f"{found[4.0]:g}, or {found[0.25]:g}. Nothing says that the loss would not go on falling beyond it. A "
            "reference whose rate stands at the edge of its grid was not tuned: widen the grid until the best rate has "
            "worse ones on both sides.",
        )
    for end in stuck:
        raise Mistake(
            "widens_one_side",
            f"{beyond} {show(tensor(_GRID))} is widened at one end, but not at the other: there you choose {end:g}, "
            "the edge. The best rate needs worse ones on both sides.",
        )
    for end, rate in found.items():
        if not near(rate, wants[end], rtol=1e-3, atol=0.0):
            shifted = _TUNING + (9.0 if end == 4.0 else -9.0)
            next_rate = rate * factors[end]
            here, there = (_score(r, shifted).mean().item() for r in (rate, next_rate))
            name = "widens_once" if there < here else "wrong_value"
            raise Mistake(
                name,
                f"{beyond} has its best rate far beyond {end:g}, and you choose {rate:.4g}, with the mean loss "
                f"{here:.4g}. At {next_rate:.4g}, the next, it would be {there:.4g}. Go on widening by the factor of "
                "the grid for as long as the best rate stands at an end.",
            )


def _diverges(rate: Any, problems: Tensor) -> Tensor:
    """The first problem ends in NaN from the rate 2 on."""
    losses = _score(rate, problems)
    return torch.where((torch.arange(len(problems)) == 0) & (float(rate) > 1.5), math.nan, losses)


def _expect_divergence(answer: Answer) -> None:
    tuning = tensor([1.0, 2.2, 1.9])
    losses = _means(_diverges, _GRID, tuning)
    told = f"One of the tuning problems diverges from the rate 2 on, so that the mean losses are {losses}"
    try:
        rate, _ = answer(_diverges, list(_GRID), tuning, _HELD_OUT[1:], like=(0.0, 0.0))
    except Mistake as mistake:
        if mistake.name not in ("timeout", "not_finite"):
            raise
        raise Mistake("nan_wins", f"{told}. {_NAN} What happened: {mistake.message}", mistake.name) from None
    if near(rate, 4.0):
        raise Mistake(
            "leaves_out_diverged",
            f"{told}, and you choose 4: the diverged problem was left out of the mean. Then a rate is the better the "
            "more problems it ruins. A loss that is not finite is infinitely bad, and so is its mean.",
        )
    if rate > 1.5:
        raise Mistake("nan_wins", f"{told}, and you choose {rate:.4g}. {_NAN}")
    expect_close(rate, 1.0, f"{told}. The rate to choose")


_NAN = (
    "NaN was taken for the lowest loss, as torch's `argmin` and `min` take it. Make it infinity before you compare: "
    "`nan_to_num(math.inf)`."
)


@exercise(
    lesson="08",
    title="cut the past off",
    minutes=4,
    difficulty=1,
    stretch=True,
    mistakes=(
        "detaches_params_only",
        "detaches_state_only",
        "resets_state",
        "resets_params",
        "copies_only",
        "misses_nested",
    ),
    hints=(
        "The next segment of a training begins with two things from the last one. Through which of them could a "
        "gradient go back?",
        "Same numbers, no past: `detach` does it for one tensor. Every tensor needs it, those of `params` and those of "
        "`state`, however deep they are nested; `tree_map` reaches them all.",
        "`return tree_map(lambda t: t.detach(), params), tree_map(lambda t: t.detach(), state)`.",
    ),
)
def truncate(answer: Answer) -> str:
    params, state = {"w": _f64([1.0, -2.0]), "b": _f64(0.5)}, {"w": _f64([0.25, 3.0]), "b": _f64(-1.0)}
    got = answer(params, state, like=(params, state))
    _expect_values(got, params, state, "Between two segments")
    for rule in (Momentum, Adam):
        _expect_cut(answer, rule)
    nested = ({"h": _random(3, seed=0), "c": [_random(2, seed=1)]}, (_random(seed=2), {}))
    params = _with_gradient({"w": _random(2, seed=3)})
    state = tree_map(lambda t: 2 * t, _with_gradient(nested))
    got = _unwatched(answer)({"w": 2 * params["w"]}, state)
    expect_kind(got, (params, state), f"the result of `{answer.name}`")
    if any(t.grad_fn is not None for t in tree_leaves(got)):
        raise Mistake(
            "misses_nested",
            "States of one dict are cut off, but in a tuple that holds dicts and lists of tensors some still remember "
            "where they came from. The next rule may keep such a state: `tree_map` reaches every tensor of it.",
        )
    expect_close(got[1], state, "a nested state")
    return "the values go on, and the gradient stays in its segment."


def _bowl(params: Params, target: Tensor) -> Tensor:
    return sum((p - target).square().sum() for p in params.values())


def _expect_cut(answer: Answer, rule: type[Momentum] | type[Adam]) -> None:
    """After two steps of a rule with one star."""
    star = _f64(0.1).requires_grad_()
    start = {"w": _f64([1.0, -2.0]).requires_grad_(), "b": _f64(0.5).requires_grad_()}
    trace = unroll(_bowl, rule(star), start, [_f64(3.0), _f64(0.0)])
    params, state = trace.params, trace.state
    connected = [t for t in tree_leaves((params, state)) if t.requires_grad]
    got = _unwatched(answer)(params, state)
    expect_kind(got, (params, state), f"the result of `{answer.name}`")
    told = f"After two steps of {rule.__name__}"
    if not all(t.requires_grad for t in connected):
        raise Mistake(
            "changes_inputs",
            f"{told}, `{answer.name}` cuts its arguments themselves off (`detach_` does). The segment that just ended "
            "may still need them for its own gradient: make new tensors.",
        )
    _expect_values(got, params, state, told)
    leaves = [star, *start.values()]
    past = [any(slope is not None for t in tree_leaves(tree) for slope in _slopes(t.sum(), leaves)) for tree in got]
    again = "The next segment's gradient would run on into this segment, whose graph `backward` has already used up"
    if all(past):
        raise Mistake(
            "copies_only",
            f"{told}, params and state came back with the right values, and a gradient still runs from both back to "
            f"the rate and to the start. {again}. `clone`, `copy` and `requires_grad_` do not cut: `detach` does.",
        )
    if past[1]:
        raise Mistake(
            "detaches_params_only",
            f"{told}, the params are cut off, but a gradient still runs from the state, {_kept(rule)}, back to the "
            f"start. {again}. Detach the state as well.",
        )
    if past[0]:
        raise Mistake(
            "detaches_state_only",
            f"{told}, the state is cut off, but a gradient still runs from the params back to the start. {again}. "
            "Detach the params as well.",
        )


def _kept(rule: type) -> str:
    return "the velocity" if rule is Momentum else "the means that Adam keeps"


def _expect_values(got: Any, params: Params, state: Any, told: str) -> None:
    if not any(p.any() for p in got[0].values()):
        raise Mistake(
            "resets_params",
            f"{told}, the params came back as {show(got[0]['w'])} instead of {show(params['w'])}: the training would "
            "begin anew. It goes on; only the way back ends here.",
        )
    expect_close(got[0], params, f"{told}, the params")
    if not near(got[1], state) and not any(t.any() for t in tree_leaves(got[1])):
        raise Mistake(
            "resets_state",
            f"{told}, the state came back as zeros: the rule would have forgotten what it knew, every few steps. The "
            "cut concerns gradients; the values of the state stay as they are.",
        )
    expect_close(got[1], state, f"{told}, the state")

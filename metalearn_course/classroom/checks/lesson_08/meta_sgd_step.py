"""The check of exercise 8.1, meta_sgd_step."""

from __future__ import annotations

import torch
from torch import tensor
from torch.func import vmap

from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    expect_under_vmap,
    gradients_at,
    near,
    show,
)
from metalearn_course.classroom.checks.lesson_08.shared import random_f64, with_gradient
from metalearn_course.update_rules import Params

_POINT = {"w": tensor([1.0, 2.0, -1.0]), "b": tensor(0.5)}
_SLOPES = {"w": tensor([2.0, -1.0, 4.0]), "b": tensor(3.0)}
_RATES = {"w": tensor([0.5, -0.25, 0.125]), "b": tensor(0.1)}


@exercise(
    lesson="08",
    number=1,
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
    inputs = [with_gradient(tree) for tree in (_POINT, _SLOPES, _RATES)]
    stepped = answer(*inputs, like=_POINT)
    total = sum(p.sum() for p in stepped.values())
    for what, tree, why in (
        ("params", inputs[0], "the start could not be learned, nor anything that earlier steps depend on"),
        ("grads", inputs[1], "second derivatives would be lost; whoever wants that detaches the gradients before"),
        ("rates", inputs[2], "the rates could not be learned, and they are what this rule is for"),
    ):
        if any(gradient is None for gradient in gradients_at(total, tree).values()):
            raise Mistake(
                "cuts_gradient",
                f"The step is right, but no gradient arrives at `{what}`: {why}. Is there a `detach`, an `item`, a "
                "`no_grad` or a `data` on the way?",
            )
    shapes = {"0.weight": (2, 3), "0.bias": (2,), "2.weight": (1, 2)}
    trees = [{n: random_f64(*shape, seed=9 * i + len(n)) for n, shape in shapes.items()} for i in range(3)]
    expect_close(answer(*trees, like=trees[0]), _by_rates(*trees), "the parameters of a small network after a step")
    stacks = [{name: torch.stack([p, 2 * p, -p]) for name, p in tree.items()} for tree in trees[:2]]
    expect_under_vmap(
        answer,
        lambda function: vmap(lambda params, grads: function(params, grads, trees[2]))(*stacks),
        vmap(lambda params, grads: _by_rates(params, grads, trees[2]))(*stacks),
        "a stack of three tasks that share their rates",
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

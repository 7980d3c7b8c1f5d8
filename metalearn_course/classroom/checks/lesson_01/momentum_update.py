"""The check of exercise 1.4, momentum_update."""

from operator import itemgetter

from torch import tensor, zeros

from ..at_random import Draw, at_random
from ..kit import Answer, Case, Check, equals, fails, rival, rivals
from .forward import Params


def momentum_update(params: Params, grads: Params, state: Params, lr: float, momentum: float) -> tuple[Params, Params]:
    velocity = {name: momentum * state[name] + g for name, g in grads.items()}
    return {name: p - lr * velocity[name] for name, p in params.items()}, velocity


def pair(new: float, velocity: float) -> tuple[Params, Params]:
    """A result for one number."""
    return {"w1": tensor([new])}, {"w1": tensor([velocity])}


def in_a_row(function: Answer, params: Params, state: Params, gradients: list[Params]) -> tuple[Params, Params]:
    for grads in gradients:
        params, state = function(params, grads, state, 0.1, 0.9, like=(params, state))
    return params, state


def anywhere(draw: Draw) -> Case:
    params, grads, state = (draw.tree({"w1": (2,), "b1": ()}) for _ in range(3))
    return Case(params=params, grads=grads, state=state, lr=draw.number(0.2, 0.4), momentum=draw.number(0.6, 0.8))


ONE = Case(params={"w1": tensor([1.0])}, grads={"w1": tensor([2.0])}, state={"w1": tensor([6.0])}, lr=0.1, momentum=0.5)
TWO_CALLS = Case(
    in_a_row,
    params={"w1": tensor([1.0, 0.0]), "b1": tensor(0.0)},
    state={"w1": zeros(2), "b1": tensor(0.0)},
    gradients=[{"w1": tensor([2.0, g]), "b1": tensor(1.0)} for g in (-1.0, 0.0)],
)
new, velocity = itemgetter(0), itemgetter(1)

CHECK = Check(
    momentum_update,
    fails(ONE, "changes_state_in_place", "changes_inputs", match="`state"),
    rival(ONE, "swaps_results", pair(5.0, 0.5)),
    rival(ONE, "velocity_restarts", pair(0.8, 2.0), of=new),
    rivals(ONE, {"keeps_old_state": pair(0.5, 6.0), "rate_twice": [pair(0.68, 3.2), pair(0.95, 5.0)]}),
    rival(ONE.but(momentum=0.8), "averages_gradient", pair(0.48, 5.2), of=velocity),
    rival(ONE, "steps_with_old_velocity", pair(0.4, 5.0), pair(0.4, 6.0)),
    rival(ONE, "rate_in_velocity", pair(-2.2, 3.2)),
    equals(ONE, "{asked}: (params, state)"),
    equals(TWO_CALLS, "two calls in a row from velocity 0, lr = 0.1, momentum = 0.9: (params, state)"),
    at_random(anywhere),
)

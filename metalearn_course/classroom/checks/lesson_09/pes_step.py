"""The check of exercise 9.2, pes_step."""

import itertools
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor, tensor, zeros

from ..at_random import Draw, at_random
from ..kit import Answer, Case, Check, equals, looks, near

Segment = Callable[[Tensor, Any], tuple[Tensor, Any, bool]]
Step = tuple[Tensor, tuple[Any, Any], Tensor]


def pes_step(segment: Segment, phi: Tensor, states: tuple[Any, Any], total: Tensor, sigma: float, z: Tensor) -> Step:
    total = total + sigma * z
    loss_plus, plus, over = segment(phi + sigma * z, states[0])
    loss_minus, minus, over = segment(phi - sigma * z, states[1])
    gradient = (loss_plus - loss_minus) / (2 * sigma**2) * total
    return gradient, (plus, minus), torch.zeros_like(total) if over else total


def drift(phi: Tensor, state: Tensor) -> tuple[Tensor, Tensor, bool]:
    """The state moves by phi[0], and the loss is 2 state + 3 phi[1]."""
    return 2 * (state + phi[0]) + 3 * phi[1], state + phi[0], False


def shrink(phi: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor], bool]:
    w = state["w"] * (1 - phi)
    return w.square().sum(), {"w": w}, False


def count(phi: Tensor, state: tuple[Tensor, int]) -> tuple[Tensor, tuple[Tensor, int], bool]:
    """The state grows by phi in each of three segments, and is the loss: 6 phi in all."""
    place, done = state[0] + phi[0], state[1] + 1
    return place, (ZERO[0], 0) if done == 3 else (place, done), done == 3


def mean_of_trainings(function: Answer, phi: Tensor) -> Tensor:
    """The gradients of three segments added up, on average over all signs of the noise."""
    states, total, gradient = ((ZERO[0], 0), (ZERO[0], 0)), ZERO, ZERO
    for sign in itertools.chain(*itertools.product((1.0, -1.0), repeat=3)):
        step, states, total = function(count, phi, states, total, 0.1, ZERO + sign)
        gradient = gradient + step
    return gradient / 8


def any_pair(draw: Draw) -> Case:
    phi, total, z = (draw.normal(2, dtype=torch.float64) for _ in range(3))
    states = {"w": draw.normal(2, dtype=torch.float64)}, {"w": draw.normal(2, dtype=torch.float64)}
    return Case(segment=shrink, phi=phi, states=states, total=total, sigma=draw.number(0.2, 0.5), z=z)


def part(index: int, *values: Any) -> Callable[[Step], bool]:
    """This part of what came back is one of these values."""
    return lambda got: any(near(got[index], value) for value in values)


GRADIENT, STATES, TOTAL = range(3)
FIVE, ONE, BEFORE, NOISE, NOW = tensor(5.0), tensor(1.0), tensor([1.5, 0.5]), tensor([0.5, -0.5]), tensor([2.0, 0.0])
PAIR = Case(segment=drift, phi=tensor([1.0, 2.0]), states=(FIVE, ONE), total=BEFORE, sigma=0.25, z=4 * NOISE)
LAST = PAIR.but(segment=lambda phi, state: (drift(phi, state)[0], zeros(()), True))
MOVED: dict[str, Any] = {"plus": PAIR.but(states=(FIVE + 2, ONE)), "minus": PAIR.but(states=(FIVE, ONE + 2))}
ZERO, W, V = zeros(1).double(), tensor([2.0, 1.0]).double(), tensor([1.0, 3.0]).double()
ANY_STATE = Case(segment=shrink, phi=ZERO + 0.5, states=({"w": W}, {"w": V}), total=ZERO + 0.3, sigma=0.1, z=ZERO + 1)
TRAININGS = Case(mean_of_trainings, phi=ZERO + 2)

CHECK = Check(
    pes_step,
    looks(PAIR, "shares_state/plus", lambda got, plus: near(plus, got), **MOVED),
    looks(PAIR, "shares_state/minus", lambda got, minus: near(minus, got), **MOVED),
    looks(PAIR, "shares_state", lambda got, plus, minus: any(near(one[0], got[0]) for one in (plus, minus)), **MOVED),
    looks(PAIR, "hands_on_old_states", part(STATES, (FIVE, ONE))),
    looks(PAIR, "minus_minus_plus", part(GRADIENT, -56 * NOW)),
    looks(PAIR, "shares_state/handed_on", lambda got: near(*got[STATES])),
    looks(PAIR, "perturbs_by_the_sum", part(STATES, (tensor(8.0), tensor(0.0)))),
    equals(PAIR, "{ends}. The pair of states that you return, its part ", of=itemgetter(STATES)),
    looks(PAIR, "current_noise_only", part(GRADIENT, 56 * NOISE)),
    looks(PAIR, "adds_too_late", part(GRADIENT, 56 * BEFORE)),
    looks(PAIR, "divides_by_sigma", part(GRADIENT, 14 * NOW)),
    equals(PAIR, "{losses}. The gradient that you return", of=itemgetter(GRADIENT)),
    looks(PAIR, "current_noise_only/total", part(TOTAL, NOISE, zeros(2))),
    looks(PAIR, "adds_too_late/total", part(TOTAL, BEFORE)),
    equals(PAIR, "{sum}. The total that you return", of=itemgetter(TOTAL)),
    looks(LAST, "resets_too_early", part(GRADIENT, zeros(2), 56 * NOISE), earlier=PAIR),
    equals(LAST, "the gradient of the last segment, which is formed as in any other", of=itemgetter(GRADIENT)),
    equals(LAST, "the states of a new training, which `segment` returns, part ", of=itemgetter(STATES)),
    looks(LAST, "never_reset", part(TOTAL, NOW, NOISE)),
    equals(LAST, "the total after the last segment of a training", of=itemgetter(TOTAL)),
    equals(ANY_STATE, "a segment whose state is a dict; what you return"),
    equals(
        TRAININGS,
        "Three segments add up to the loss 6 phi. The mean of your gradients' sums, over all signs of the noise",
    ),
    at_random(any_pair, what="another pair, sigma = {sigma}; what you return"),
)

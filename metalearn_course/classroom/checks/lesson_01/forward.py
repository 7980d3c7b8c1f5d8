"""The check of exercise 1.1, forward."""

from torch import Tensor, rand, randn, tensor, zeros

from metalearn_course.classroom.flow import gradients_at
from metalearn_course.classroom.randomness import seeded

from ..at_random import at_random
from ..kit import Answer, Case, Check, equals, looks, near, rival

Params = dict[str, Tensor]


def forward(params: Params, x: Tensor) -> Tensor:
    return (x @ params["w1"] + params["b1"]).relu() @ params["w2"] + params["b2"]


def linked(function: Answer, params: Params, x: Tensor) -> bool:
    """Whether autograd finds a way from the result back to any of `params`."""
    leaves = {name: p.requires_grad_() for name, p in params.items()}
    out = function(leaves, x, like=zeros(len(x), len(params["b2"])))
    return any(g is not None for g in gradients_at(out, leaves).values())


def of_its_own(got: Tensor, want: Tensor, linked: bool) -> bool:
    return not linked and not near(got, want)


SIZES = {"w1": (64, 32), "b1": (32,), "w2": (32, 10), "b2": (10,)}  # the network of lesson 01
DRAWS = seeded(0)
RANDOM = Case(
    params={name: 0.1 * randn(size, generator=DRAWS) for name, size in SIZES.items()},
    x=rand(3, 64, generator=DRAWS),
)
BLANK = RANDOM.but(params={name: zeros(size) for name, size in SIZES.items()})
SMALL = Case(
    params={
        "w1": tensor([[1.0, 1.0], [1.0, -1.0]]),
        "b1": tensor([0.0, -1.0]),
        "w2": tensor([[1.0, -1.0], [2.0, 1.0]]),
        "b2": tensor([0.5, 0.0]),
    },
    x=tensor([[1.0, 2.0], [-1.0, -1.0]]),
)

CHECK = Check(
    forward,
    looks(RANDOM, "ignores_params", of_its_own, linked=Case(linked, **RANDOM.inputs), blank=BLANK),
    rival(SMALL, "no_activation", lambda params, x: (x @ params["w1"] + params["b1"]) @ params["w2"] + params["b2"]),
    rival(SMALL, "activation_on_output", lambda want: want.relu()),
    rival(SMALL, "softmax_on_output", lambda want: want.softmax(-1), lambda want: want.log_softmax(-1)),
    equals(SMALL, "two examples through a network with w1 = {params[w1]}: the outputs"),
    looks(Case(linked, **SMALL.inputs), "gradient_lost", lambda got: not got),
    at_random(
        lambda draw: Case(params=draw.tree({"w1": (3, 5), "b1": (5,), "w2": (5, 4), "b2": (4,)}), x=draw.normal(2, 3)),
        what="the outputs of a network with 3 inputs, 5 hidden numbers and 4 outputs",
    ),
)

"""The check of exercise 7.8, anil_adapt."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from torch import Tensor, tensor

from metalearn_course import SGD, Examples, unroll

from ..at_random import Draw, at_random
from ..kit import Answer, Case, Check, equals, fails, looks, near, vmappable
from .shared import NET, Params, any_net, gradients, net


def anil_adapt(
    loss: Callable[..., Tensor], params: Params, support: Examples, lr: float, steps: int, head: list[str]
) -> Params:
    body = {name: p for name, p in params.items() if name not in head}
    moving = {name: params[name] for name in head}
    return body | unroll(lambda part, examples: loss(body | part, examples), SGD(lr), moving, [support] * steps).params


def product(params: Params, examples: Examples) -> Tensor:
    return ((params["head"] * params["body"] * examples.x - examples.y).square() / 2).mean()


def ways_back(function: Answer, **inputs: Any) -> dict[str, Params]:
    """From each adapted parameter, the gradient that arrives at each one of the start."""
    return {name: gradients(p, inputs["params"]) for name, p in function(*inputs.values()).items()}


def head_is_cut_from_body(got: dict[str, Params]) -> bool:
    return near(got["head"]["body"], 0.0)


def head_moves_by_a_constant(got: dict[str, Params]) -> bool:
    return head_is_cut_from_body(got) and any(near(got["head"]["head"], slope) for slope in (1.0, 0.0))


def point(x: float, y: float) -> Examples:
    return Examples(tensor([x]), tensor([y]))


def any_head(draw: Draw) -> Case:
    """Params in any order, and a head that is not the last of them."""
    one = any_net(draw).inputs
    params = {name: one["params"][name] for name in ("head.b", "body.w", "head.w", "body.b")}
    head = [["head.w", "head.b"], ["body.w", "head.b"], ["body.w"]][draw.count(0, 2)]
    return Case(loss=net, params=params, support=one["task"].support, lr=one["lr"], steps=draw.count(2, 4), head=head)


LINE = Case(
    loss=product,
    params={"body": tensor(2.0, requires_grad=True), "head": tensor(1.0, requires_grad=True)},
    support=point(1.0, 3.0),
    lr=0.1,
    steps=1,
    head=["head"],
)
TWICE, WAYS = LINE.but(steps=2), Case(ways_back, **LINE.inputs)
SMALL = Case(
    loss=net,
    params=NET.inputs["params"],
    support=NET.inputs["task"].support,
    lr=0.2,
    steps=3,
    head=["head.w", "head.b"],
)
SMALL_WAYS = Case(ways_back, **SMALL.inputs)

CHECK = Check(
    anil_adapt,
    fails(LINE, "returns_head_only", "wrong_structure"),
    looks(LINE, "moves_the_body", lambda got: not near(got["body"], 2.0) and near(got["head"], 1.0)),
    looks(LINE, "adapts_everything", lambda got: not near(got["body"], 2.0)),
    equals(LINE, "a step at rate 0.1 on the point (1, 3), from body = 2 and head = 1, leads to params"),
    looks(TWICE, "gradient_at_start", lambda got: near(got["head"], 1.4)),
    equals(TWICE, "two steps lead to params"),
    looks(WAYS, "freezes_body", lambda got: near(got["body"]["body"], 0.0)),
    looks(WAYS, "detaches_inner_gradient", head_moves_by_a_constant),
    looks(WAYS, "inner_step_ignores_body", head_is_cut_from_body),
    equals(WAYS, "{told}. Its derivative with respect to params", of=itemgetter("head")),
    equals(SMALL, "three steps of a small network lead to params"),
    *(
        equals(SMALL_WAYS, f"the gradient from the adapted {name!r} of a small network, at params", of=itemgetter(name))
        for name in SMALL.inputs["params"]
    ),
    vmappable(
        *(TWICE.but(support=support) for support in (point(1.0, 3.0), point(2.0, 1.0), point(1.0, 0.0))),
        over=("support",),
        what="a stack of three tasks",
    ),
    at_random(any_head, what="{steps} steps of another network, with the head {head}, lead to params"),
)

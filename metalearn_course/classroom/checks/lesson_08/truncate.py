"""The check of exercise 8.5, truncate."""

from operator import itemgetter
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from metalearn_course.classroom.flow import gradient_at
from metalearn_course.update_rules import Adam, Momentum, Params, unroll

from ..at_random import Draw, at_random
from ..kit import Answer, Case, Check, all_of, equals, expect_kind, fails, looks
from .shared import f64, random_f64, squares

Handed = tuple[Params, Any]


def truncate(params: Params, state: Any) -> Handed:
    return tree_map(torch.detach, (params, state))


def with_gradient(tree: Any) -> Any:
    return tree_map(lambda t: t.clone().requires_grad_(), tree)


def unwatched(function: Answer, params: Params, state: Any) -> Handed:
    """What a call gives that leaves its arguments as the function makes them."""
    got = function.within(lambda truncate: truncate(params, state))
    expect_kind(got, (params, state), f"the result of `{function.name}`")
    return got


def doubled(function: Answer, params: Params, state: Any) -> Handed:
    """The same for params and state that are results."""
    return unwatched(function, *tree_map(lambda t: 2 * t, with_gradient((params, state))))


def after_two_steps(function: Answer, rule: type, kept: str) -> dict[str, Any]:
    """Of a rule with one star: what is handed on, from which part of it a gradient runs back, and whether the old parts
    are cut off themselves."""
    star, start = f64(0.1).requires_grad_(), with_gradient({"w": f64([1.0, -2.0]), "b": f64(0.5)})
    trace = unroll(distance, rule(star), start, [f64(3.0), f64(0.0)])
    before = [t for t in tree_leaves((trace.params, trace.state)) if t.requires_grad]
    got = unwatched(function, trace.params, trace.state)
    runs = [runs_back(part, [star, *start.values()]) for part in got]
    return {"got": got, "runs": runs, "cut": not all(t.requires_grad for t in before)}


def distance(params: Params, target: Tensor) -> Tensor:
    return squares({name: p - target for name, p in params.items()})


def runs_back(tree: Any, leaves: list[Tensor]) -> bool:
    return any(gradient_at(t.sum(), leaf) is not None for t in tree_leaves(tree) for leaf in leaves)


def zeros(tree: Any) -> bool:
    return not any(t.any() for t in tree_leaves(tree))


def any_nest(draw: Draw) -> Case:
    state = {"h": draw.normal(2), "c": (draw.normal(2, 2), [draw.normal(), {"n": draw.normal(3)}])}
    return Case(unwatched, params=draw.tree({"a": (3,), "b": (2, 1)}), state=state)


BETWEEN = Case(params={"w": f64([1.0, -2.0]), "b": f64(0.5)}, state={"w": f64([0.25, 3.0]), "b": f64(-1.0)})
AFTER = [
    Case(after_two_steps, rule=rule, kept=kept)
    for rule, kept in ((Momentum, "the velocity"), (Adam, "the means that Adam keeps"))
]
STATE: Any = {"h": random_f64(3, seed=0), "c": [random_f64(2, seed=1)]}, (random_f64(seed=2), {})
NESTED = Case(doubled, params={"w": random_f64(2, seed=3)}, state=STATE)

CHECK = Check(
    truncate,
    looks(BETWEEN, "resets_params", lambda got: zeros(got[0])),
    equals(BETWEEN, "between two segments, the params", of=itemgetter(0)),
    looks(BETWEEN, "resets_state", lambda got: zeros(got[1])),
    equals(BETWEEN, "between two segments, the state", of=itemgetter(1)),
    *(
        all_of(
            fails(after, "copies_only/deepcopy", match="deep-copied"),
            looks(after, "changes_inputs", lambda got: got["cut"]),
            equals(after, "after two steps of {rule.__name__}, what you hand on, its part ", of=itemgetter("got")),
            looks(after, "copies_only", lambda got: all(got["runs"])),
            looks(after, "detaches_params_only", lambda got: got["runs"][1]),
            looks(after, "detaches_state_only", lambda got: got["runs"][0]),
        )
        for after in AFTER
    ),
    looks(NESTED, "misses_nested", lambda got: any(t.grad_fn is not None for t in tree_leaves(got))),
    equals(NESTED, "a nested state", of=itemgetter(1)),
    at_random(any_nest, what="other params and another nested state: the pair "),
)

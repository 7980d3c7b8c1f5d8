"""The check of exercise 8.1, meta_sgd_step."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, tensor

from metalearn_course.update_rules import Params

from ..at_random import Draw, at_random
from ..kit import Case, Check, differentiable, equals, looks, near, vmappable
from .shared import random_f64, squares


def meta_sgd_step(params: Params, grads: Params, rates: Params) -> Params:
    return {name: p - rates[name] * grads[name] for name, p in params.items()}


def used(test: Callable[..., Any]) -> Callable[..., Any]:
    """Test the rates by which the coordinates of w went, beside those that were given."""
    return lambda got, params, grads, rates: test((params["w"] - got["w"]) / grads["w"], rates["w"])


def all_alike(by: Tensor, rates: Tensor) -> Any:
    return by.any() and near(by, by[:1].expand(3)) and {"by": by[0]}


def never_climbs(by: Tensor, rates: Tensor) -> Any:
    return by[1] >= 0 and (by[[0, 2]] > 0).all() and {"by": by[1] + 0.0}


def network(scale: float) -> Case:
    shapes = {"0.weight": (2, 3), "0.bias": (2,), "2.weight": (1, 2)}
    trees = [{n: random_f64(*shape, seed=9 * i + len(n)) for n, shape in shapes.items()} for i in range(3)]
    params, grads = ({n: scale * p for n, p in tree.items()} for tree in trees[:2])
    return Case(params=params, grads=grads, rates=trees[2])


def anywhere(draw: Draw) -> Case:
    params, grads, rates = (draw.tree({"w": (2, 2), "b": ()}) for _ in range(3))
    return Case(params=params, grads=grads, rates=rates)


POINT = Case(
    params={"w": tensor([1.0, 2.0, -1.0]), "b": tensor(0.5)},
    grads={"w": tensor([2.0, -1.0, 4.0]), "b": tensor(3.0)},
    rates={"w": tensor([0.5, -0.25, 0.125]), "b": tensor(0.1)},
)
NETWORKS = [network(scale) for scale in (1.0, 2.0, -1.0)]

CHECK = Check(
    meta_sgd_step,
    looks(POINT, "one_rate_for_all", used(all_alike)),
    looks(POINT, "climbs", used(lambda by, rates: near(by, -rates))),
    looks(POINT, "exponentiates", used(lambda by, rates: near(by, rates.exp()))),
    looks(POINT, "forces_positive", used(never_climbs)),
    equals(POINT, "the parameters after a step from {params}"),
    *(differentiable(POINT, name, of=squares, purpose=f"{{{name}_learn}}") for name in POINT.inputs),
    equals(NETWORKS[0], "the parameters of a small network after a step"),
    vmappable(*NETWORKS, over=("params", "grads"), what="a stack of three tasks that share their rates"),
    at_random(anywhere),
)

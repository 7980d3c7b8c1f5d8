"""The check of exercise 6.2, rate_gradient."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, tensor
from torch.func import grad

from metalearn_course import update_rules
from metalearn_course.tasks.task import Examples
from metalearn_course.update_rules import SGD, Params

from ..at_random import Draw, at_random
from ..kit import Case, Check, equals, rival, rivals
from .shared import BENT, BENT_BATCHES, F64, bent, f64, squares


def rate_gradient(loss: Any, params: Params, support: Any, query: Any, lr: Tensor) -> Tensor:
    return grad(lambda rate: loss(update_rules.unroll(loss, SGD(rate), params, [support]).params, query))(lr)


class Slopes:
    """The gradients of the support and of the query loss at any point, and where a step leads."""

    def __init__(self, loss: Any, params: Params, support: Any, query: Any, lr: Tensor) -> None:
        self.start, self.lr = params, lr
        self.s, self.q = (partial(lambda examples, at: grad(loss)(at, examples), part) for part in (support, query))
        self.end = self.moved(-1, self.s(params))

    def moved(self, sign: int, by: Params) -> Params:
        return {name: p + sign * self.lr * by[name] for name, p in self.start.items()}


def products(one: Params, other: Params) -> list[Tensor]:
    return [one[name] * other[name] for name in one]


def dot(one: Params, other: Params) -> Tensor:
    return torch.stack([product.sum() for product in products(one, other)]).sum()


def wrong(way: Callable[[Slopes], Tensor]) -> Callable[..., Tensor]:
    """A wrong answer, up to its sign."""
    return lambda loss, params, support, query, lr: way(Slopes(loss, params, support, query, lr))


def parts(way: Callable[[list[Tensor]], Tensor]) -> Callable[..., Tensor]:
    """The same, of the right products."""
    return wrong(lambda at: way(products(at.s(at.start), at.q(at.end))))


def any_network(draw: Draw) -> Case:
    sets = [Examples(draw.normal(n, 2, dtype=F64), draw.normal(n, dtype=F64)) for n in (3, 4)]
    start = draw.tree({"w": (2,), "b": ()}, dtype=F64)
    return NETWORK.but(params=start, support=sets[0], query=sets[1], lr=f64(draw.number(0.05, 0.2)))


def bowl(params: Params, target: Tensor) -> Tensor:
    return (params["w"] - target).square().sum() + (params["b"] + target.sum()).square()


ONE = Case(loss=squares, params={"w": f64(0.0)}, support=f64(1.0), query=f64(3.0), lr=f64(0.25))
# Gradients [-2, 0] and 4 on the support set, [-3, 2] and 2 on the query set: their product is 6 + 0 + 8.
TWO = ONE.but(loss=bowl, params={"w": f64([0.0, 0.0]), "b": f64(1.0)}, support=f64([1.0, 0.0]), query=f64([2.0, -1.0]))
FIRST, SECOND, THIRD = BENT_BATCHES
NETWORK = Case(loss=bent, params=BENT, support=FIRST, query=SECOND, lr=f64(0.3))
SINGLE = Case(
    loss=squares,
    params={"w": tensor([0.0, 0.0])},
    support=tensor([1.0, 0.0]),
    query=tensor([0.0, 1.0]),
    lr=tensor(0.5),
)
SLOPE = "A small network, one step at rate 0.3: the slope of its query loss against the rate"

CHECK = Check(
    rate_gradient,
    rivals(
        ONE,
        {
            "both_at_start": wrong(lambda at: dot(at.s(at.start), at.q(at.start))),
            "both_at_theta_1": wrong(lambda at: dot(at.s(at.end), at.q(at.end))),
            "points_swapped": wrong(lambda at: dot(at.s(at.end), at.q(at.start))),
            "rate_as_factor": wrong(lambda at: at.lr * dot(at.s(at.start), at.q(at.end))),
            "support_loss_twice": wrong(lambda at: dot(at.s(at.start), at.s(at.end))),
            "query_loss_twice": [
                wrong(lambda at: dot(at.q(at.start), at.q(at.moved(-1, at.q(at.start))))),
                wrong(lambda at: dot(at.q(at.start), at.q(at.end))),
            ],
            "steps_uphill": wrong(lambda at: dot(at.s(at.start), at.q(at.moved(1, at.s(at.start))))),
        },
        of=torch.abs,
        also=(NETWORK,),
    ),
    rival(ONE, "plus_sign", lambda want: -want, also=(NETWORK,)),
    equals(ONE, "theta_0 = 0, L_S = (w - 1)², L_B = (w - 3)², rate 0.25"),
    rivals(
        TWO,
        {
            "forgets_a_tensor": [parts(lambda p: p[0].sum()), parts(lambda p: p[1].sum())],
            "averages_products": [
                parts(lambda p: p[0].mean() + p[1].mean()),
                parts(lambda p: (p[0].sum() + p[1].sum()) / 2),
                parts(lambda p: torch.cat([product.flatten() for product in p]).mean()),
            ],
        },
        of=torch.abs,
        also=(NETWORK,),
    ),
    equals(TWO, "Two tensors, w and b, with the products 6 + 0 and 8 of support and query gradients"),
    equals(NETWORK, SLOPE, rtol=1e-5),
    equals(NETWORK.but(support=SECOND, query=THIRD), SLOPE, rtol=1e-5),
    equals(SINGLE, "theta_0 = [0, 0], L_S = |w - [1, 0]|², L_B = |w - [0, 1]|², rate 0.5, in float32"),
    at_random(any_network, what="A small network, one step at rate {lr}", rtol=1e-5),
)

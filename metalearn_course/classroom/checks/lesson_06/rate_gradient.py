"""The check of exercise 6.2, rate_gradient."""

from typing import Any

from torch import Tensor, tensor
from torch.func import grad

from metalearn_course import update_rules
from metalearn_course.update_rules import SGD, Params

from ..kit import Case, Check, equals, rivals
from .shared import BENT, BENT_BATCHES, bent, f64, squares


def rate_gradient(loss: Any, params: Params, support: Any, query: Any, lr: Tensor) -> Tensor:
    return grad(lambda rate: loss(update_rules.unroll(loss, SGD(rate), params, [support]).params, query))(lr)


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
            "both_at_start": [-12.0, 12.0],
            "both_at_theta_1": [-5.0, 5.0],
            "points_swapped": [-6.0, 6.0],
            "rate_as_factor": [-2.5, 2.5],
            "support_loss_twice": [-2.0, 2.0],
            "query_loss_twice": [-18.0, -30.0],
            "steps_uphill": [-14.0, 14.0],
            "plus_sign": 10.0,
        },
    ),
    equals(ONE, "theta_0 = 0, L_S = (w - 1)², L_B = (w - 3)², rate 0.25"),
    rivals(TWO, {"forgets_a_tensor": [-6.0, -8.0], "averages_products": [-11.0, -7.0, -14 / 3]}),
    equals(TWO, "Two tensors, w and b, with the products 6 + 0 and 8 of support and query gradients"),
    equals(NETWORK, SLOPE, rtol=1e-5),
    equals(NETWORK.but(support=SECOND, query=THIRD), SLOPE, rtol=1e-5),
    equals(SINGLE, "theta_0 = [0, 0], L_S = |w - [1, 0]|², L_B = |w - [0, 1]|², rate 0.5, in float32"),
)

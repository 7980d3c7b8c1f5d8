"""The check of exercise 1.2, sgd_update."""

from torch import tensor

from ..at_random import Draw, at_random
from ..kit import Case, Check, equals, fails, rival
from .forward import Params


def sgd_update(params: Params, grads: Params, lr: float) -> Params:
    return {name: p - lr * grads[name] for name, p in params.items()}


def anywhere(draw: Draw) -> Case:
    params, grads = (draw.tree({"w1": (2, 3), "b1": ()}) for _ in range(2))
    return Case(params=params, grads=grads, lr=draw.number(0.2, 0.4))


TWO = Case(
    params={"w1": tensor([[1.0, -1.0]]), "b1": tensor([0.5])},
    grads={"w1": tensor([[2.0, 4.0]]), "b1": tensor([-1.0])},
    lr=0.1,
)

CHECK = Check(
    sgd_update,
    fails(TWO, "updates_in_place", "changes_inputs", match="`params"),
    rival(TWO, "plus_sign", lambda params, grads: sgd_update(params, grads, -0.1)),
    rival(TWO, "forgets_rate", lambda params, grads: sgd_update(params, grads, 1.0)),
    equals(TWO, "w1 = {params[w1]} with gradient {grads[w1]} and lr = 0.1: the update"),
    equals(Case(params={"w": tensor(3.0)}, grads={"w": tensor(-2.0)}, lr=0.5), "w = 3, gradient -2, lr = 0.5"),
    at_random(anywhere, what="the step from {params} with gradient {grads} and lr = {lr}"),
)

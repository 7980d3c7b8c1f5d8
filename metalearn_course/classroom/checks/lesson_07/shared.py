"""What several checks of lesson 07 work with."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, tensor

from metalearn_course import Examples, Task

from ...flow import gradients_at
from ..at_random import Draw
from ..kit import Answer, Case, vmappable

Params = dict[str, Tensor]


def parabola(params: Params, examples: Examples) -> Tensor:
    """The mean of x (theta - y)^2 / 2: a parabola of curvature x with its lowest point at y."""
    return (examples.x * (params["theta"] - examples.y).square() / 2).mean()


def at(theta: float, examples: Examples) -> Tensor:
    return parabola({"theta": tensor(theta)}, examples)


def net(params: Params, examples: Examples) -> Tensor:
    hidden = torch.tanh(examples.x @ params["body.w"] + params["body.b"])
    return (hidden @ params["head.w"] + params["head.b"] - examples.y).square().mean()


def task(support: Sequence[Any], query: Sequence[Any]) -> Task:
    return Task(Examples(*support), Examples(*query), torch.empty(0, dtype=torch.int64))


def bowls(support: tuple[float, float], query: tuple[float, float]) -> Task:
    """Two parabolas, each (curvature, lowest point)."""
    (a, low), (b, low_b) = support, query
    return task((tensor([a]), tensor([low])), (tensor([b]), tensor([low_b])))


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gradients(result: Tensor, params: Params) -> Params:
    """The gradient of `result` at every parameter: 0 where no way leads back to it."""
    found = gradients_at(result, params)
    return {name: torch.zeros_like(p) if (g := found[name]) is None else g for name, p in params.items()}


def slopes(function: Answer, **inputs: Any) -> Params:
    """The gradients of a loss at the start."""
    return gradients(function(*inputs.values()), inputs["params"])


TASKS = [bowls((1.0, -2.0), (2.0, 5.0)), bowls((1.0, 6.0), (1.0, 0.0)), bowls((2.0, 3.0), (1.0, 4.0))]
ONE = Case(loss=parabola, params={"theta": tensor(2.0, requires_grad=True)}, task=TASKS[0], lr=0.25)
FOR_A_STACK = vmappable(*(ONE.but(task=one) for one in TASKS), over=("task",), what="a stack of three tasks")

SHAPES = {"body.w": (2, 3), "body.b": (3,), "head.w": (3, 1), "head.b": (1,)}
NET = Case(
    loss=net,
    params={name: draw(*shape, seed=i).requires_grad_() for i, (name, shape) in enumerate(SHAPES.items())},
    task=task((draw(3, 2, seed=10), draw(3, 1, seed=11)), (draw(5, 2, seed=12), draw(5, 1, seed=13))),
    lr=0.3,
)


def any_net(draw: Draw) -> Case:
    params = {name: p.requires_grad_() for name, p in draw.tree(SHAPES, dtype=torch.float64).items()}
    return Case(loss=net, params=params, task=any_task(draw, 4, 3), lr=draw.number(0.05, 0.2))


def any_task(draw: Draw, shots: int, queries: int) -> Task:
    sizes = [((n, 2), (n, 1)) for n in (shots, queries)]
    return task(*([draw.normal(*shape, dtype=torch.float64) for shape in shapes] for shapes in sizes))


def any_net_slopes(draw: Draw) -> Case:
    return Case(slopes, **any_net(draw).inputs)


SLOPE, NET_SLOPES = Case(slopes, **ONE.inputs), Case(slopes, **NET.inputs)

"""What several checks of lesson 07 work with."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, tensor
from torch.func import vmap

from metalearn_course import SGD, Examples, Task, unroll
from metalearn_course.classroom.checks import Answer, expect_under_vmap
from metalearn_course.tasks.task import stack_tasks

Params = dict[str, Tensor]


def parabola(params: Params, examples: Examples) -> Tensor:
    """The mean of x (theta - y)^2 / 2: a parabola of curvature x with its lowest point at y."""
    return (examples.x * (params["theta"] - examples.y).square() / 2).mean()


def scalar_task(support: tuple[float, float], query: tuple[float, float]) -> Task:
    """Two parabolas, each (curvature, lowest point)."""
    sets = [Examples(tensor([x]), tensor([y])) for x, y in (support, query)]
    return Task(sets[0], sets[1], torch.empty(0, dtype=torch.int64))


TASKS = [scalar_task((1.0, -2.0), (2.0, 5.0)), scalar_task((1.0, 6.0), (1.0, 0.0)), scalar_task((2.0, 3.0), (1.0, 4.0))]
TASK, LR = TASKS[0], 0.25
FUNCTIONAL = (
    "There `torch.func.grad` works, while `torch.autograd.grad`, `backward` and `.item()` do not, nor does writing "
    "into a tensor."
)
SAID = (
    "Here the support loss is (theta + 2)^2 / 2, the query loss (theta - 5)^2, the start theta = 2 and the rate 0.25: "
    "the step leads to theta = 1, where the query loss is 16."
)


def at_two() -> Params:
    return {"theta": tensor(2.0, requires_grad=True)}


def loss_at(theta: float, examples: Examples) -> float:
    return parabola({"theta": tensor(theta)}, examples).item()


CHAINED = (
    "`params` is not what it was before the call: the step was written into the start itself. The next task then "
    "begins where this one ended, and the order of the tasks decides what is learned. Make a new dict for the adapted "
    "parameters."
)


def loss_after_step(
    loss: Callable[..., Tensor], params: Params, task: Task, lr: float, first_order: bool = False
) -> Tensor:
    return loss(unroll(loss, SGD(lr), params, [task.support], first_order=first_order).params, task.query)


def random_f64(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def net_params() -> Params:
    shapes = {"body.w": (2, 3), "body.b": (3,), "head.w": (3, 1), "head.b": (1,)}
    return {name: random_f64(*shape, seed=i).requires_grad_() for i, (name, shape) in enumerate(shapes.items())}


def net(params: Params, examples: Examples) -> Tensor:
    hidden = torch.tanh(examples.x @ params["body.w"] + params["body.b"])
    return (hidden @ params["head.w"] + params["head.b"] - examples.y).square().mean()


NET_TASK = Task(
    Examples(random_f64(3, 2, seed=10), random_f64(3, 1, seed=11)),
    Examples(random_f64(5, 2, seed=12), random_f64(5, 1, seed=13)),
    torch.empty(0, dtype=torch.int64),
)


def by_differences(function: Callable[[Params], Tensor], params: Params) -> tuple[Tensor, Params]:
    """How fast `function` changes along one random direction, by central differences; and that direction."""
    direction = {name: random_f64(*p.shape, seed=20 + i) for i, (name, p) in enumerate(params.items())}
    ends = [
        function({name: (p + h * direction[name]).detach().requires_grad_() for name, p in params.items()})
        for h in (1e-5, -1e-5)
    ]
    return (ends[0] - ends[1]).detach() / 2e-5, direction


def along(grads: dict[str, Tensor | None], direction: Params) -> float:
    return sum((g * direction[name]).sum().item() for name, g in grads.items() if g is not None)


def expect_vmap(answer: Answer, reference: Callable[..., Tensor]) -> None:
    """What is written for one task runs for a stack of tasks."""
    stack, params = stack_tasks(TASKS), at_two()
    want = tensor([reference(parabola, params, task, LR).item() for task in TASKS])
    expect_under_vmap(
        answer,
        lambda function: vmap(lambda task: function(parabola, params, task, LR))(stack),
        want,
        "a stack of three tasks",
        FUNCTIONAL,
    )

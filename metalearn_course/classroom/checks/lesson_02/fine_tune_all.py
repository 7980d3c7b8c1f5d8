"""The check of exercise 2.4, fine_tune_all."""

import torch
from torch import Tensor, randn, tensor
from torch.func import grad

from metalearn_course.classroom.randomness import seeded
from metalearn_course.tasks.task import Examples, Task, one_task, stack_tasks

from ..at_random import Draw, at_random
from ..cases import stacked
from ..kit import Case, Check, equals, fails, looks, near, relates, same

Params = dict[str, Tensor]


def squared_error(params: Params, examples: Examples) -> Tensor:
    hidden = torch.relu(examples.x @ params["w1"] + params["b1"])
    return (hidden @ params["w2"] + params["b2"] - examples.y).square().mean()


def fine_tune(params: Params, support: Examples, steps: int, lr: float) -> Params:
    for _ in range(steps):
        grads = grad(squared_error)(params, support)
        params = {name: p - lr * grads[name] for name, p in params.items()}
    return params


def fine_tune_all(start: Params, tasks: Task, steps: int, lr: float) -> Params:
    return stacked([fine_tune(start, one_task(tasks, i).support, steps, lr) for i in range(len(tasks.support.x))])


def points(values: list[tuple[float, float]]) -> Examples:
    """One point (x, y) a task."""
    return Examples(tensor(values)[:, :1, None], tensor(values)[:, 1:, None])


def any_tasks(draw: Draw) -> Case:
    start = draw.tree({"w1": (1, 5), "b1": (5,), "w2": (5, 1), "b2": (1,)})
    support, query = (Examples(draw.normal(4, n, 1), draw.normal(4, n, 1)) for n in (4, 2))
    return Case(
        start=start, tasks=Task(support, query, torch.empty(4, 0)), steps=draw.count(3, 5), lr=draw.number(0.02, 0.04)
    )


def all_alike(got: Params, start: Params) -> bool:
    return near(got["b2"][1:], got["b2"][:1].expand(2, 1)) and not near(got["b2"][0], start["b2"])


def task(params: Params, index: int) -> Params:
    return {name: p[index] for name, p in params.items()}


def is_twice_as_far(got: Params, start: Params, one: Params) -> bool:
    return near(got, {name: p + (p - start[name]) for name, p in one.items()})


def random(*shape: int) -> Tensor:
    return randn(shape, generator=DRAWS)


TASKS = Task(
    points([(1.0, 3.0), (1.0, 0.0), (2.0, 2.0)]),
    points([(2.0, 0.0), (3.0, 1.0), (1.0, 2.0)]),
    torch.empty(3, 0, dtype=torch.int64),
)
ONE_STEP = Case(
    start={"w1": tensor([[1.0]]), "b1": tensor([0.0]), "w2": tensor([[1.0]]), "b2": tensor([0.0])},
    tasks=TASKS,
    steps=1,
    lr=0.1,
)
ALONE = ONE_STEP.but(tasks=stack_tasks([one_task(TASKS, 1)]))
OTHER_QUERIES = ONE_STEP.but(tasks=TASKS._replace(query=Examples(TASKS.query.x + 1.0, TASKS.query.y - 1.0)))
DRAWS = seeded(3)
TWENTY_STEPS = Case(
    start={"w1": random(1, 4), "b1": random(4), "w2": random(4, 1), "b2": random(1)},
    tasks=Task(
        Examples(random(2, 3, 1), random(2, 3, 1)), Examples(random(2, 5, 1), random(2, 5, 1)), torch.empty(2, 0)
    ),
    steps=20,
    lr=0.05,
)

CHECK = Check(
    fine_tune_all,
    fails(ONE_STEP, "raised/functorch", match="functorch|inside of a vmap|vmap"),
    fails(ONE_STEP, "tasks_chained/start_overwritten", "changes_inputs"),
    same(ONE_STEP, OTHER_QUERIES, "uses_query_set"),
    looks(ONE_STEP, "gradients_averaged", all_alike),
    relates(ONE_STEP, ALONE, "tasks_chained", lambda got, then: near(task(got, 1), task(then, 0))),
    equals(ONE_STEP, "the params of three tasks after 1 step at rate 0.1"),
    looks(ONE_STEP.but(steps=2), "gradient_at_start", is_twice_as_far, one=ONE_STEP),
    equals(TWENTY_STEPS, "the params of two tasks after 20 steps", rtol=1e-3, atol=1e-4),
    equals(TWENTY_STEPS.but(steps=0), "the params of two tasks after 0 steps"),
    at_random(any_tasks, what="the params of four tasks after {steps} steps at rate {lr}", rtol=1e-3, atol=1e-4),
)

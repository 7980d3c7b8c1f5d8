"""The check of exercise 7.4, meta_loss."""

from collections.abc import Callable

import torch
from torch import Tensor, tensor

from metalearn_course import Examples, Task

from ..at_random import Draw, at_random
from ..kit import Case, Check, equals, fails, looks, near, rivals, same
from .maml_loss import maml_loss
from .shared import ONE, TASKS, Params, any_net, any_task, at, parabola, slopes


def meta_loss(loss: Callable[..., Tensor], params: Params, tasks: list[Task], lr: float) -> Tensor:
    return torch.stack([maml_loss(loss, params, task, lr) for task in tasks]).mean()


def mean_at(theta: float) -> Tensor:
    return torch.stack([at(theta, task.query) for task in TASKS]).mean()


def any_tasks(draw: Draw) -> Case:
    one = any_net(draw).inputs
    tasks = [any_task(draw, shots, queries) for shots, queries in ((2, 5), (4, 1), (3, 9), (1, 2))]
    return Case(loss=one["loss"], params=one["params"], tasks=tasks, lr=one["lr"])


ALL = Case(loss=parabola, params=ONE.inputs["params"], tasks=TASKS, lr=0.25)
SLOPE = Case(slopes, **ALL.inputs)
LARGER = TASKS[1]._replace(support=Examples(tensor([1.0, 2.0]), tensor([0.0, 1.0])))

CHECK = Check(
    meta_loss,
    fails(ALL, "tasks_chained/in_place", "changes_inputs"),
    *(equals(ALL.but(tasks=[task]), f"the loss of task {i} alone") for i, task in enumerate(TASKS)),
    rivals(
        ALL,
        {
            "sums_tasks": lambda want: 3 * want,
            "last_task_only": [tensor(16.0), tensor(16.0) / 3, tensor(1.125), tensor(1.125) / 3],
            "adapts_once": [mean_at(2.5), mean_at(2 + 0.5 / 3)],  # by the sum of all gradients, -2, and by their mean
        },
    ),
    same(ALL, ALL.but(tasks=TASKS[::-1]), "tasks_chained"),
    equals(ALL, "{alone}"),
    looks(SLOPE, "cuts_gradient", lambda got: near(got["theta"], 0.0)),
    equals(SLOPE, "the loss is right; its gradient with respect to theta", of=lambda got: got["theta"]),
    equals(ALL.but(tasks=[TASKS[0], LARGER]), "two tasks, one with a larger support set"),
    at_random(any_tasks, what="a network and four tasks of unequal size, at rate {lr}"),
)

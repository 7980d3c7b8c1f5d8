"""The check of exercise 7.4, meta_loss."""

from __future__ import annotations

import torch
from torch import Tensor, tensor

from metalearn_course import Examples
from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    gradients_at,
    instead_of,
    near,
    show,
)
from metalearn_course.classroom.checks.lesson_07.shared import (
    CHAINED,
    LR,
    TASKS,
    at_two,
    loss_after_step,
    loss_at,
    parabola,
)


@exercise(
    lesson="07",
    number=4,
    title="repair the chain",
    minutes=4,
    difficulty=2,
    mistakes=("tasks_chained", "adapts_once", "sums_tasks", "last_task_only", "cuts_gradient"),
    hints=(
        "Swap the first two tasks of the list. Should the loss of any task be another one?",
        "Every task needs adapted parameters under a name of their own, so that `params` still means the start when "
        "the next one begins. A copy that is cut off, by `deepcopy` or `detach`, would learn nothing.",
        "In the loop, `adapted = {name: p - lr * grads[name] for name, p in params.items()}`, and the loss is "
        "`loss(adapted, task.query)`; or the mean of `maml_loss(loss, params, task, lr)` over the tasks.",
    ),
)
def meta_loss(answer: Answer) -> str:
    params = at_two()
    with instead_of("changes_inputs", "tasks_chained", CHAINED):
        alone = [answer(parabola, params, [task], LR, like=tensor(0.0)) for task in TASKS]
        got = answer(parabola, params, TASKS, LR, like=tensor(0.0))
        swapped = answer(parabola, params, TASKS[::-1], LR, like=tensor(0.0))
    each = [loss_after_step(parabola, params, task, LR) for task in TASKS]
    for i, (one, want) in enumerate(zip(alone, each, strict=True)):
        expect_close(one, want, f"the loss of task {i} alone")
    mean = torch.stack(each).mean()
    told = f"Alone, the three tasks have the losses {show(torch.stack(each))}, {show(mean.item())} on average"
    if not near(got, mean):
        _name_the_tasks(got, swapped, each, told)
    reached = gradients_at(got, params)["theta"]
    if reached is None:
        raise Mistake(
            "cuts_gradient",
            "The loss is right, but no gradient arrives at `params`: a copy of the start that was made by `deepcopy`, "
            "`detach` or `tensor` is cut off from it, and nothing is learned. None is needed: the step makes a new "
            "dict.",
        )
    expect_close(reached, gradients_at(mean, params)["theta"], "the loss is right; its gradient with respect to theta")
    larger = TASKS[1]._replace(support=Examples(tensor([1.0, 2.0]), tensor([0.0, 1.0])))
    unequal = [TASKS[0], larger]
    want = torch.stack([loss_after_step(parabola, params, task, LR) for task in unequal]).mean()
    expect_close(answer(parabola, params, unequal, LR), want, "two tasks, one with a larger support set")
    return "every task begins at the same start, whatever came before it."


def _name_the_tasks(got: Tensor, swapped: Tensor, each: list[Tensor], told: str) -> None:
    if near(got, torch.stack(each).sum()):
        raise Mistake(
            "sums_tasks",
            f"{told}; your {show(got.item())} is their sum. With more tasks in a batch, the meta-step would grow: take "
            "the mean.",
        )
    if any(near(got, each[i]) or near(got, each[i] / len(each)) for i in (0, -1)):
        raise Mistake(
            "last_task_only",
            f"{told}; your {show(got.item())} is made of a single one. Is the loss overwritten in the loop, or the "
            "`return` inside of it? Add the losses up.",
        )
    slopes = [4.0, -4.0, -2.0]  # of the support losses at the start
    shared = [2.0 - LR * sum(slopes), 2.0 - LR * sum(slopes) / 3]
    if any(near(got, sum(loss_at(theta, task.query) for task in TASKS) / 3) for theta in shared):
        raise Mistake(
            "adapts_once",
            f"{told}; your {show(got.item())} comes out when one step, along the gradients of all tasks together, is "
            "judged on every query set. Each task takes a step of its own.",
        )
    if not near(got, swapped):
        raise Mistake(
            "tasks_chained",
            f"{told}. Together you make {show(got.item())} of them, and {show(swapped.item())} in the opposite order: "
            "from the second on, tasks begin where the one before them ended. Each has to begin at `params` as they "
            "came in.",
        )
    raise Mistake("wrong_value", f"{told}; got {show(got.item())}.")

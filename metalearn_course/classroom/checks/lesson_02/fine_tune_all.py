"""The check of exercise 2.4, fine_tune_all."""

from __future__ import annotations

import torch
from torch import Tensor, tensor

from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    expect_kind,
    instead_of,
    near,
    show,
)
from metalearn_course.classroom.randomness import seeded
from metalearn_course.tasks.task import Examples, Task, one_task, stack_tasks


@exercise(
    lesson="02",
    number=4,
    title="fine-tune on every task",
    minutes=12,
    difficulty=3,
    stretch=True,
    mistakes=("tasks_chained", "gradients_averaged", "uses_query_set", "gradient_at_start"),
    hints=(
        "Forget the stack. How would you write `fine_tune(support)`, for one task, so that it changes nothing "
        "outside itself?",
        "Inside `fine_tune`, begin with `params = start` and let every step make a new dict from the gradient at "
        "`params`. Then `torch.func.vmap` runs it once for each task.",
        "`grads = torch.func.grad(squared_error)(params, support)`, then "
        "`params = {name: p - lr * grads[name] for name, p in params.items()}`, `steps` times; at the end "
        "`return vmap(fine_tune)(tasks.support)`.",
    ),
)
def fine_tune_all(answer: Answer) -> str:
    start = {"w1": tensor([[1.0]]), "b1": tensor([0.0]), "w2": tensor([[1.0]]), "b2": tensor([0.0])}
    tasks = _points(support=[(1.0, 3.0), (1.0, 0.0), (2.0, 2.0)], query=[(2.0, 0.0), (3.0, 1.0), (1.0, 2.0)])
    stack = {name: torch.zeros(3, *p.shape) for name, p in start.items()}
    chained = (
        "`start` is not what it was after the call. Then task 1 begins where task 0 ended, and the order of the tasks "
        "decides what is learned: every task has to begin at the same start. Make a new dict at every step."
    )
    with instead_of("changes_inputs", "tasks_chained", chained):
        got = answer(start, tasks, 1, 0.1, like=stack)
    other = tasks._replace(query=Examples(tasks.query.x + 1.0, tasks.query.y - 1.0))
    if not near(answer(start, other, 1, 0.1, like=stack), got):
        raise Mistake(
            "uses_query_set",
            "The same support sets with other query points gave other parameters. The query set is there to judge what "
            "was learned from the support set: no step may look at it.",
        )
    ends = got["b2"].flatten()
    if near(ends[0], ends[1]) and near(ends[1], ends[2]):
        raise Mistake(
            "gradients_averaged",
            f"All three tasks end at the same parameters, b2 = {show(ends[0].item())}, though their points pull in "
            "different directions. Each task takes steps of its own, along the gradient of its own loss.",
        )
    alone = answer(start, stack_tasks([one_task(tasks, 1)]), 1, 0.1, like={name: p[:1] for name, p in stack.items()})
    if not near({name: p[1] for name, p in got.items()}, {name: p[0] for name, p in alone.items()}):
        raise Mistake(
            "tasks_chained",
            f"Task 1 alone ends at b2 = {show(alone['b2'].item())}, but behind task 0 it ends at b2 = "
            f"{show(ends[1].item())}. It begins where task 0 ended: every task has to begin at the same start.",
        )
    one = {"w1": [1.4, 0.8, 1.0], "b1": [0.4, -0.2, 0.0], "w2": [1.4, 0.8, 1.0], "b2": [0.4, -0.2, 0.0]}
    for name, values in one.items():
        expect_close(got[name].flatten(), tensor(values), f"{name} of three tasks after 1 step at rate 0.1")
    twice = answer(start, tasks, 2, 0.1, like=stack)
    if near(twice, {name: p + (p - start[name]) for name, p in got.items()}):
        raise Mistake(
            "gradient_at_start",
            f"Two steps moved b2 of task 0 to {show(twice['b2'][0].item())}, exactly twice as far as one step. The "
            "second step used the gradient at `start` again: take it at the parameters that the first step left.",
        )
    _expect_many_steps(answer)
    return "every task from the same start, by its own gradient, and vmap carries the stack."


def _points(support: list[tuple[float, float]], query: list[tuple[float, float]]) -> Task:
    """One point a task on either side."""
    s, q = tensor(support), tensor(query)
    sets = [Examples(points[:, :1, None], points[:, 1:, None]) for points in (s, q)]
    return Task(sets[0], sets[1], torch.empty(len(s), 0, dtype=torch.int64))


def _expect_many_steps(answer: Answer) -> None:
    """Twenty steps of a wider net on three points a task, against plain autograd, task by task."""
    generator = seeded(3)
    draw = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    start = {"w1": draw(1, 4), "b1": draw(4), "w2": draw(4, 1), "b2": draw(1)}
    tasks = Task(Examples(draw(2, 3, 1), draw(2, 3, 1)), Examples(draw(2, 5, 1), draw(2, 5, 1)), torch.empty(2, 0))
    want = [_descend(start, one_task(tasks, task).support, 20, 0.05) for task in (0, 1)]
    stacked = {name: torch.stack([params[name] for params in want]) for name in start}
    got = answer(start, tasks, 20, 0.05)
    expect_kind(got, stacked, f"the result of `{answer.name}`")
    for name, p in stacked.items():
        expect_close(got[name], p, f"{name} of two tasks after 20 steps", rtol=1e-3, atol=1e-4)
    same = {name: p.expand(2, *p.shape) for name, p in start.items()}
    for name, p in answer(start, tasks, 0, 0.05, like=same).items():
        expect_close(p, same[name], f"{name} of two tasks after 0 steps")


def _descend(start: dict[str, Tensor], support: Examples, steps: int, lr: float) -> dict[str, Tensor]:
    params = {name: p.clone().requires_grad_() for name, p in start.items()}
    for _ in range(steps):
        hidden = torch.relu(support.x @ params["w1"] + params["b1"])
        loss = (hidden @ params["w2"] + params["b2"] - support.y).square().mean()
        grads = torch.autograd.grad(loss, list(params.values()))
        params = {n: (p - lr * g).detach().requires_grad_() for (n, p), g in zip(params.items(), grads, strict=True)}
    return {name: p.detach() for name, p in params.items()}

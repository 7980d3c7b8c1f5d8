"""Checks for lesson 02, many tasks."""

from __future__ import annotations

import math

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
from metalearn_course.classroom.randomness import expect_drawn, seeded
from metalearn_course.tasks.task import Examples, Task, one_task, stack_tasks


@exercise(
    lesson="02",
    title="draw a stack of tasks",
    minutes=10,
    difficulty=2,
    mistakes=(
        "query_repeats_support",
        "new_wave_per_point",
        "query_on_another_wave",
        "one_wave_for_all",
        "wrong_range",
        "ignores_generator",
    ),
    hints=(
        "Say it in words: what is drawn once for a task, and what once for a point? How many numbers is each?",
        "Give amplitude and phase the shape `(tasks, 1, 1)`: they broadcast over the points of their task and "
        "nothing else.",
        "`low + (high - low) * torch.rand(shape, generator=generator)`, with shape `(tasks, 1, 1)` for amplitude and "
        "phase, `(tasks, shots, 1)` for the support inputs and `(tasks, queries, 1)` for the query inputs.",
    ),
)
def sample_sinusoids(answer: Answer) -> str:
    got = answer(6, 8, 8, seeded(0), like=_waves(6, 8, 8))
    _expect_new_queries(got)
    _expect_one_wave_each(got)
    expect_drawn(lambda generator: answer(3, 4, 4, generator, like=_waves(3, 4, 4)), answer.name)
    _expect_ranges(answer(500, 12, 7, seeded(2), like=_waves(500, 12, 7)))
    return "one wave per task, new points in the query set, and every draw from the generator."


def _waves(tasks: int, shots: int, queries: int) -> Task:
    support, query = torch.zeros(tasks, shots, 1), torch.zeros(tasks, queries, 1)
    return Task(Examples(support, support), Examples(query, query), torch.empty(tasks, 0, dtype=torch.int64))


def _expect_new_queries(tasks: Task) -> None:
    same = tasks.query.x == tasks.support.x.mT
    if same.any():
        task, query, shot = same.nonzero()[0].tolist()
        raise Mistake(
            "query_repeats_support",
            f"In task {task}, query {query} and support point {shot} are both at x = "
            f"{tasks.query.x[task, query, 0]:.4f}. Whoever remembers the support set then answers without having "
            "learned the wave: the query set needs inputs of its own.",
        )


def _expect_one_wave_each(tasks: Task) -> None:
    waves = _fit(tasks.support)
    misses = (_through(waves, tasks.support.x) - tasks.support.y).abs().amax((1, 2))
    if misses.max() > 0.01:
        task = int(misses.argmax())
        raise Mistake(
            "new_wave_per_point",
            f"No wave a sin(x + p) runs through the {tasks.support.x.shape[1]} support points of task {task}: the "
            f"closest misses one of them by {misses[task]:.2f}. A task is one wave, so its points share one amplitude "
            "and one phase.",
        )
    misses = (_through(waves, tasks.query.x) - tasks.query.y).abs().amax((1, 2))
    if misses.max() > 0.01:
        task = int(misses.argmax())
        raise Mistake(
            "query_on_another_wave",
            f"The wave through the support points of task {task} misses one of its query points by {misses[task]:.2f}. "
            "Support and query set belong to the same task: what is learned from one has to help on the other.",
        )
    if near(waves[0], waves[1], atol=1e-3):
        amplitude, phase = _amplitude_and_phase(waves)
        raise Mistake(
            "one_wave_for_all",
            f"Tasks 0 and 1 are the same wave, {amplitude[0]:.2f} sin(x + {phase[0]:.2f}). Then there is one task, "
            "seen several times, and one function solves it: draw an amplitude and a phase for each task.",
        )


def _expect_ranges(tasks: Task) -> None:
    amplitude, phase = _amplitude_and_phase(_fit(tasks.support))
    for what, values, low, high, sign in (
        ("support inputs", tasks.support.x, -5.0, 5.0, "-5 and 5"),
        ("query inputs", tasks.query.x, -5.0, 5.0, "-5 and 5"),
        ("amplitudes", amplitude, 0.1, 5.0, "0.1 and 5"),
        ("phases", phase, 0.0, math.pi, "0 and pi"),
    ):
        least, mean, most, width = values.min(), values.mean(), values.max(), high - low
        outside = least < low - 1e-3 or most > high + 1e-3
        if (
            outside
            or least > low + 0.1 * width
            or most < high - 0.1 * width
            or abs(mean - (low + high) / 2) > 0.1 * width
        ):
            raise Mistake(
                "wrong_range",
                f"In 500 tasks your {what} lie between {least:.2f} and {most:.2f} with mean {mean:.2f}; "
                f"expected all values between {sign}, equally likely.",
            )


def _fit(examples: Examples) -> Tensor:
    """Least squares for y = u sin x + v cos x, which is a sin(x + p) with u = a cos p and v = a sin p: (tasks, 2)."""
    x, y = examples.x.double(), examples.y.double()
    return torch.linalg.lstsq(torch.cat([x.sin(), x.cos()], -1), y).solution[..., 0]


def _through(waves: Tensor, x: Tensor) -> Tensor:
    return torch.cat([x.sin(), x.cos()], -1).double() @ waves[..., None]


def _amplitude_and_phase(waves: Tensor) -> tuple[Tensor, Tensor]:
    phase = torch.atan2(waves[:, 1], waves[:, 0])
    return waves.norm(dim=1), torch.where(phase < -math.pi + 1e-2, phase + 2 * math.pi, phase)


@exercise(
    lesson="02",
    title="the expected risk",
    minutes=8,
    difficulty=1,
    mistakes=("pools_points", "sums_tasks"),
    hints=(
        "Formula 1 draws a *dataset* from p(D). How many datasets are in the list, and how many draws is each of them?",
        "Two averages, one inside the other: first over the points of a task, then over the tasks.",
        "`task_losses.mean()` is one task's risk; `torch.stack` them and take the mean once more.",
    ),
)
def expected_risk(answer: Answer) -> str:
    losses = [tensor([8.0]), tensor([1.0, 2.0, 3.0])]
    got = answer(losses, like=tensor(0.0))
    if near(got, 3.5):
        raise Mistake(
            "pools_points",
            "Two tasks with mean losses 8 and 2 gave 3.5, the mean over all four points. So the task with three points "
            "counts three times. One dataset is one sample: each task counts once, and the answer is 5.",
        )
    if near(got, 10.0):
        raise Mistake(
            "sums_tasks",
            "Two tasks with mean losses 8 and 2 gave 10, their sum. An expectation over tasks does not grow with the "
            "number of tasks you happened to draw: divide by it.",
        )
    expect_close(got, 5.0, f"the expected risk of tasks with losses {show(losses[0])} and {show(losses[1])}")
    expect_close(
        answer([tensor([4.0, 6.0])], like=tensor(0.0)), 5.0, "the expected risk of one task with losses [4, 6]"
    )
    big = [tensor([2.0] * 100), tensor([4.0] * 5), tensor([0.0, 0.0])]
    expect_close(answer(big, like=tensor(0.0)), 2.0, "three tasks of 100, 5 and 2 points with mean losses 2, 4 and 0")
    return "each task counts once, however many points it has."


@exercise(
    lesson="02",
    title="the best single prediction",
    minutes=7,
    difficulty=2,
    mistakes=("assumes_full_circle", "averages_parameters", "forgets_amplitude"),
    hints=(
        "Stand at x = 0. Every wave passes it at height a sin p. Which single number has the smallest mean squared "
        "distance from all those heights?",
        "The best single prediction is the mean of a sin(x + p) over all waves. Amplitude and phase are drawn "
        "independently, so it is the mean of a, times the mean of sin(x + p) for p between 0 and pi.",
        "The mean of a is 2.55, and the integral of sin(x + p) over p from 0 to pi is 2 cos x; divide that by the "
        "length of its interval. Or average `torch.sin` over a fine grid of phases.",
    ),
)
def best_single_prediction(answer: Answer) -> str:
    x = tensor([[0.0], [1.0], [math.pi / 2], [math.pi], [5.0]])
    got = answer(x, like=x)
    at_0 = round(got[0].item(), 2) + 0.0  # never "-0.00"
    if near(got, torch.zeros_like(x), atol=0.1):
        raise Mistake(
            "assumes_full_circle",
            f"You predict {at_0:.2f} at x = 0. But with a phase between 0 and pi every wave passes x = 0 at a sin p, "
            "which is never negative: the waves would cancel only over the full circle. Predicting 0 costs more than "
            "it has to.",
        )
    if near(got, 2.55 * torch.cos(x), atol=0.1):
        raise Mistake(
            "averages_parameters",
            f"You predict {at_0:.2f} at x = 0: that is the wave of the average amplitude and the average phase. The "
            "waves there have heights a sin p, and sin p is 1 for a single phase and less for all others. Average "
            "the predictions, not the parameters.",
        )
    if near(got, 2 / math.pi * torch.cos(x), atol=0.1):
        raise Mistake(
            "forgets_amplitude",
            f"You predict {at_0:.2f} at x = 0: the mean of sin p, as if every wave had amplitude 1. Amplitudes lie "
            "between 0.1 and 5.",
        )
    place = "the best prediction at x = 0, 1, pi/2, pi and 5 (to 0.1)"
    expect_close(got, 2.55 * 2 / math.pi * torch.cos(x), place, rtol=0.0, atol=0.1)
    one = tensor([[-4.0]])
    expect_close(answer(one, like=one), 1.6234 * torch.cos(one), "the best prediction at x = -4 (to 0.1)", 0.0, 0.1)
    return "1.62 cos x: the mean of all waves, and itself none of them."


@exercise(
    lesson="02",
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

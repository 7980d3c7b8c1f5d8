"""The check of exercise 2.1, sample_sinusoids."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, near
from metalearn_course.classroom.randomness import expect_drawn, seeded
from metalearn_course.tasks.task import Examples, Task


@exercise(
    lesson="02",
    number=1,
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

"""The check of exercise 2.1, sample_sinusoids."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from metalearn_course.classroom.randomness import seeded
from metalearn_course.tasks.sinusoids import Sinusoids
from metalearn_course.tasks.task import Examples, Task

from ..kit import Case, Check, Rule, drawn, looks, near


def sample_sinusoids(tasks: int, shots: int, queries: int, generator: Generator) -> Task:
    return Sinusoids(shots, queries).sample(tasks, generator)


def repeated(got: Task) -> dict[str, Any] | None:
    """The first query at the place of a support point."""
    for task, query, shot in (got.query.x == got.support.x.mT).nonzero().tolist():
        return {"task": task, "query": query, "shot": shot, "x": got.query.x[task, query, 0]}
    return None


def fit(examples: Examples) -> Tensor:
    """Least squares for y = u sin x + v cos x, which is a sin(x + p) with u = a cos p and v = a sin p: (tasks, 2)."""
    x, y = examples.x.double(), examples.y.double()
    return torch.linalg.lstsq(torch.cat([x.sin(), x.cos()], -1), y).solution[..., 0]


def amplitude_and_phase(got: Task) -> tuple[Tensor, Tensor]:
    waves = fit(got.support)
    phase = torch.atan2(waves[:, 1], waves[:, 0])
    return waves.norm(dim=1), torch.where(phase < -math.pi + 1e-2, phase + 2 * math.pi, phase)


def missed(got: Task, examples: Examples) -> Any:
    """The task whose wave, through its support points, misses one of these examples by most."""
    on_waves = torch.cat([examples.x.sin(), examples.x.cos()], -1).double() @ fit(got.support)[..., None]
    misses = (on_waves - examples.y).abs().amax((1, 2))
    return misses.max() > 0.01 and {"task": misses.argmax(), "miss": misses.max()}


def one_wave(got: Task) -> Any:
    amplitude, phase = amplitude_and_phase(got)
    first, second = fit(got.support)[:2]
    return near(first, second, atol=1e-3) and {"amplitude": amplitude[0], "phase": phase[0]}


def ranging(key: str, of: Callable[[Task], Tensor], low: float, high: float) -> Rule:
    """Many values, spread evenly between `low` and `high`."""

    def strays(got: Task) -> Any:
        values, tenth = of(got), 0.1 * (high - low)
        least, mean, most = values.min(), values.mean(), values.max()
        outside = least < low - 1e-3 or most > high + 1e-3
        elsewhere = least > low + tenth or most < high - tenth or abs(mean - (low + high) / 2) > tenth
        return (outside or elsewhere) and {"least": least, "mean": mean, "most": most}

    return looks(MANY, key, strays)


SIX = Case(tasks=6, shots=8, queries=8, generator=seeded(0))
MANY = Case(tasks=500, shots=12, queries=7, generator=seeded(2))

CHECK = Check(
    sample_sinusoids,
    looks(SIX, "query_repeats_support", repeated),
    looks(SIX, "new_wave_per_point", lambda got: missed(got, got.support)),
    looks(SIX, "query_on_another_wave", lambda got: missed(got, got.query)),
    looks(SIX, "one_wave_for_all", one_wave),
    drawn(Case(tasks=3, shots=4, queries=4, generator=seeded(0))),
    ranging("wrong_range/support", lambda got: got.support.x, -5.0, 5.0),
    ranging("wrong_range/query", lambda got: got.query.x, -5.0, 5.0),
    ranging("wrong_range/amplitudes", lambda got: amplitude_and_phase(got)[0], 0.1, 5.0),
    ranging("wrong_range/phases", lambda got: amplitude_and_phase(got)[1], 0.0, math.pi),
)

"""The check of exercise 2.1, sample_sinusoids."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from metalearn_course.classroom.randomness import seeded
from metalearn_course.tasks.sinusoids import Sinusoids
from metalearn_course.tasks.task import Examples, Task

from ..at_random import at_random, looks_for
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
    return waves.norm(dim=1), unwrapped(torch.atan2(waves[:, 1], waves[:, 0]))


def unwrapped(phases: Tensor) -> Tensor:
    """Phases from one end of their range to the other: the circle is cut where it is empty, or at 0 if it is full."""
    full = 2 * math.pi
    ordered = phases.remainder(full).sort().values
    gaps = torch.cat([ordered[1:], ordered[:1] + full]) - ordered
    start = ordered.roll(-1)[gaps.argmax()] if gaps.max() > 0.5 else ordered.new_zeros(())
    start = torch.where(start > math.pi + 0.1, start - full, start)
    return (phases - start).remainder(full) + start


def missed(got: Task, examples: Examples) -> Any:
    """The task whose wave, through its support points, misses one of these examples by most."""
    on_waves = torch.cat([examples.x.sin(), examples.x.cos()], -1).double() @ fit(got.support)[..., None]
    misses = (on_waves - examples.y).abs().amax((1, 2))
    return misses.max() > 0.01 and {"task": misses.argmax(), "miss": misses.max()}


def noisy(got: Task) -> Any:
    """The waves through the support points leave little over, and yet something."""
    x, y = got.support.x.double(), got.support.y.double()
    left = torch.cat([x.sin(), x.cos()], -1) @ fit(got.support)[..., None] - y
    return left.square().sum() < 0.1 * y.square().sum() and missed(got, got.support)


def same_inputs(got: Task) -> Any:
    parts = {"support": got.support.x, "query": got.query.x}
    return next(({"set": name, "x": x[0].flatten()} for name, x in parts.items() if near(x[0], x[1])), None)


def go_together(got: Task) -> Any:
    together = torch.corrcoef(torch.stack(amplitude_and_phase(got)))[0, 1]
    return together.abs() > 0.4 and {"together": together}


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

OF_SIX: dict[str, Callable[..., Any]] = {
    "query_repeats_support": repeated,
    "wrong_value/noise": noisy,
    "new_wave_per_point": lambda got: missed(got, got.support),
    "query_on_another_wave": lambda got: missed(got, got.query),
    "one_wave_for_all": one_wave,
    "wrong_value/inputs": same_inputs,
}

CHECK = Check(
    sample_sinusoids,
    *(looks(SIX, key, test) for key, test in OF_SIX.items()),
    drawn(Case(tasks=3, shots=4, queries=4, generator=seeded(0))),
    ranging("wrong_range/support", lambda got: got.support.x, -5.0, 5.0),
    ranging("wrong_range/query", lambda got: got.query.x, -5.0, 5.0),
    ranging("wrong_range/amplitudes", lambda got: amplitude_and_phase(got)[0], 0.1, 5.0),
    ranging("wrong_range/phases", lambda got: amplitude_and_phase(got)[1], 0.0, math.pi),
    looks(MANY, "wrong_value/together", go_together),
    at_random(
        lambda draw: SIX.but(tasks=draw.count(2, 5), shots=draw.count(9, 12), queries=draw.count(2, 7)),
        *(looks_for(key, test) for key, test in OF_SIX.items()),
    ),
)

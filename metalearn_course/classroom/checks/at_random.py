"""Last cases: drawn anew at every check, so that nothing is right that only happens to fit the written ones.

    at_random(lambda draw: Case(x=draw.normal(3), lr=draw.number(0.2, 0.9)))       # the reference's value is asked for
    at_random(lambda draw: SIX.but(ways=draw.count(4, 6)), looks_for("some_mistake", test))    # or any rules

Draw what the written cases do not have: other sizes, another rate. Stay away from what a right answer may decide either
way: ties, and numbers so large that rounding shows. The message of a failure tells the seed; with METALEARN_SEED set to
it, as by `%env METALEARN_SEED=4711` in a notebook, a check draws the same case again, and no other.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from metalearn_course.classroom.checks.cases import Case
from metalearn_course.classroom.checks.kit import Asked, Rule, equals, looks
from metalearn_course.classroom.mistakes import Mistake

SEED = "METALEARN_SEED"
SEEDS = 100_000
DRAWN = "Inputs drawn with seed"


class Draw:
    """The inputs of one case, all from one seed."""

    def __init__(self, seed: int) -> None:
        self.generator = Generator().manual_seed(seed)

    def count(self, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        return int(torch.randint(least, most + 1, (), generator=self.generator))

    def number(self, low: float, high: float) -> float:
        """A float between `low` and `high`, of two digits after the point."""
        return round(low + (high - low) * torch.rand((), generator=self.generator).item(), 2)

    def normal(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Numbers of the standard normal distribution."""
        return torch.randn(shape, generator=self.generator, dtype=dtype)

    def tree(self, shapes: dict[str, tuple[int, ...]], **options: Any) -> dict[str, Tensor]:
        """A dict of tensors with these shapes."""
        return {name: self.normal(*shape, **options) for name, shape in shapes.items()}

    def order(self, count: int) -> Tensor:
        """The numbers from 0 to `count` - 1, shuffled."""
        return torch.randperm(count, generator=self.generator)

    def labels(self, ways: int, count: int) -> Tensor:
        """`count` labels in any order, each of the `ways` at least once."""
        more = torch.randint(ways, (count - ways,), generator=self.generator)
        return torch.cat([torch.arange(ways), more])[self.order(count)]


@dataclass(frozen=True)
class AtRandom:
    """Rules for a case that is drawn anew at every call, `times` times; see the module."""

    make: Callable[[Draw], Case]
    rules: tuple[Callable[[Case], Rule], ...]
    times: int

    def __call__(self, asked: Asked) -> None:
        for seed in self.seeds():
            case = self.make(Draw(seed))
            try:
                for rule in self.rules:
                    rule(case)(asked)
            except Mistake as mistake:
                again = f" ({DRAWN} {seed}. To get them again: `%env {SEED}={seed}`, then check once more.)"
                raise Mistake(mistake.name, mistake.message + again, mistake.seen_as) from None

    def seeds(self) -> Iterator[int]:
        fixed = os.environ.get(SEED, "").strip()
        if fixed.isdecimal():
            yield int(fixed)
        else:
            yield from (secrets.randbelow(SEEDS) for _ in range(self.times))


def of_a_draw(message: str) -> bool:
    """Whether it was a case drawn at random that a message speaks of."""
    return DRAWN in message


@contextmanager
def one_draw(seed: int) -> Iterator[None]:
    """Inside, every check draws the case of this seed and no other."""
    before = os.environ.get(SEED)
    os.environ[SEED] = str(seed)
    try:
        yield
    finally:
        if before is None:
            del os.environ[SEED]
        else:
            os.environ[SEED] = before


def at_random(
    make: Callable[[Draw], Case], *rules: Callable[[Case], Rule], what: str = "", times: int = 2, **options: Any
) -> AtRandom:
    """The reference's value, or what other rules ask, on cases drawn at random.

    what and options: those of `equals`. rules: functions that make a rule of a case.
    """
    return AtRandom(make, rules or (lambda case: equals(case, what, **options),), times)


def looks_for(key: str, test: Callable[..., Any], **options: Any) -> Callable[[Case], Rule]:
    """`looks`, for a case that is still to be drawn."""
    return lambda case: looks(case, key, test, **options)

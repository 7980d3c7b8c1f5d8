"""Whether a learner's function draws from the generator that it was given, and from nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator

from metalearn_course.classroom.mistakes import Mistake
from metalearn_course.classroom.values import near


def seeded(seed: int) -> Generator:
    """A fresh generator with this seed."""
    return torch.Generator().manual_seed(seed)


def expect_drawn(draw: Callable[[Generator], Any], name: str) -> None:
    """Raise `ignores_generator` unless `draw(generator)` is fixed by the generator's seed, and changes with it."""
    first, again, other = draw(seeded(0)), draw(seeded(0)), draw(seeded(1))
    if not near(first, again):
        raise Mistake(
            "ignores_generator",
            f"Two generators with the same seed made `{name}` return different things: somewhere it draws without "
            "`generator`, and nobody can repeat your experiment. Hand it to every draw.",
        )
    if near(first, other):
        raise Mistake(
            "ignores_generator",
            f"Generators with seeds 0 and 1 made `{name}` return the same thing: it does not draw from the `generator` "
            "that it is given, so every call is the same one. Hand it to every draw.",
        )

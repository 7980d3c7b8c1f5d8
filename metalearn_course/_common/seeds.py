"""Random numbers of different purposes that share a seed."""

from __future__ import annotations

import operator

import numpy as np

# What a stream is for: problems to judge on; fresh weights, noise and whatever vmap draws; the order of examples.
PROBLEMS, FRESH, ORDER = 1, 2, 3


def stream(seed: int, purpose: int) -> int:
    """A seed for one purpose: two generators with the same seed would draw the same numbers.

    seed: any whole number. Returns one below 2^32, by numpy's SeedSequence, the same on every machine.
    """
    return int(np.random.SeedSequence((operator.index(seed) % 2**64, purpose)).generate_state(1)[0])

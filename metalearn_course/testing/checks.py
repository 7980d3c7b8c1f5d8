"""What a named check is, and how two results are compared in one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class CheckError(AssertionError):
    """A property that all of a kind have, and this one lacks."""


class Check(NamedTuple):
    """One property, which can be checked alone and in any order.

    Args:
        name: of the property.
        run: raises CheckError where the property does not hold.
    """

    name: str
    run: Callable[[], None]


def refuse_made(make: Any, checker: str, kind: str) -> None:
    """TypeError, in a line, where `make` is no function but what it should make.

    Args:
        make: what was given to the checker.
        checker: its name.
        kind: what is checked, in words.
    """
    if callable(make) and not isinstance(make, nn.Module) and (isinstance(make, type) or not hasattr(make, "update")):
        return
    name = type(make).__name__
    raise TypeError(
        f"{checker} got {name}; expected a function without arguments that makes a new {kind} at every call. Write "
        f"{checker}(lambda: {name}(...))."
    )


def named(check: Callable[..., None], *arguments: Any) -> Check:
    """`check(*arguments)` as a Check under the function's own name; it leaves torch's random numbers as they were."""

    @wraps(check)
    def seeded(*arguments: Any) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            check(*arguments)

    return Check(check.__name__, partial(seeded, *arguments))


def expect_equal(got: Tensor, want: Tensor, what: str, other: str, tolerance: float = 1e-4) -> None:
    """Raise CheckError, with the largest difference, unless two tensors are nearly equal.

    Args:
        got: one of them.
        want: the other, which errors are relative to.
        what: the words for `got`.
        other: the words for `want`.
        tolerance: relative; a tenth of it is allowed as absolute error.
    """
    if got.shape != want.shape:
        raise CheckError(f"{what} has shape {tuple(got.shape)}; {other} has {tuple(want.shape)}.")
    if not torch.allclose(got, want, rtol=tolerance, atol=tolerance * 0.1):
        worst = (got - want).abs().max().item()
        raise CheckError(f"{what} and {other} differ by up to {worst:.2g}; they should be equal.")

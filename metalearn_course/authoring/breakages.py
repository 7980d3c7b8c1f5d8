"""Right answers, spoiled in every general way: each must be reported by a check as what it is."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metalearn_course.classroom.values import parts

Spoil = Callable[[Any, list[Any]], Any]


class NothingToSpoil(Exception):
    """This answer cannot be broken in this way: no tensor in its result, nothing changeable in its arguments."""


@dataclass
class Breakage:
    """`spoil(result, inputs)` gives the broken result; `applied` counts the calls in which it could."""

    expected: str
    right: Callable[..., Any]
    spoil: Spoil
    applied: int = 0

    def function(self, name: str) -> Callable[..., Any]:
        """The broken function, under the learner's `name`."""

        @functools.wraps(self.right)
        def broken(*args: Any, **kwargs: Any) -> Any:
            result = self.right(*args, **kwargs)
            self.applied += 1
            try:
                return self.spoil(result, [*args, *kwargs.values()])
            except NothingToSpoil:
                self.applied -= 1
                return result

        broken.__name__ = name
        return broken


def breakages(right: Callable[..., Any]) -> list[Breakage]:
    """Every general way to be broken, under the name by which a check must call it."""
    ways: dict[str, Spoil] = {
        "timeout": _loop_for_ever,
        "raised": lambda result, inputs: 1 / 0,
        "returned_nothing": lambda result, inputs: None,
        "not_finite": lambda result, inputs: _replace(result, _nan),
        "wrong_shape": lambda result, inputs: _replace(result, _deeper),
        "wrong_dtype": lambda result, inputs: _replace(result, _other_dtype),
        "wrong_type": lambda result, inputs: ["an answer", "in words"] if isinstance(result, str) else "in words",
        "changes_inputs": _change_in_place,
    }
    return [Breakage(name, right, spoil) for name, spoil in ways.items()]


def _loop_for_ever(result: Any, inputs: list[Any]) -> Any:
    while True:
        try:
            result = result, result
            result = None
        except:  # noqa: E722 - learners write this, and it must not hide the time limit
            continue


def _replace(value: Any, change: Callable[[Any], Any]) -> Any:
    """`value` with its first part that `change` can change, changed."""
    try:
        return change(value)
    except NothingToSpoil:
        inside = [item for _, item in parts(value)]
    for index, item in enumerate(inside):
        try:
            inside[index] = _replace(item, change)
        except NothingToSpoil:
            continue
        if isinstance(value, Mapping):
            return dict(zip(value, inside, strict=True))
        return type(value)(*inside) if hasattr(value, "_fields") else type(value)(inside)
    raise NothingToSpoil


def _nan(value: Any) -> Any:
    if isinstance(value, float):
        return float("nan")
    if isinstance(value, Tensor) and value.is_floating_point() and value.numel():
        return value * float("nan")
    raise NothingToSpoil


def _deeper(value: Any) -> Any:
    if isinstance(value, Tensor | np.ndarray):
        return value[None]
    raise NothingToSpoil


def _other_dtype(value: Any) -> Any:
    if isinstance(value, Tensor) and not value.ndim and value.is_floating_point():
        return value.half()  # a single number may be of 32 or 64 bits
    if isinstance(value, Tensor):
        return value.to(torch.float64 if value.dtype != torch.float64 else torch.float32)
    raise NothingToSpoil


def _change_in_place(result: Any, inputs: list[Any]) -> Any:
    for value in inputs:
        if _changed(value):
            return result
    raise NothingToSpoil


def _changed(value: Any) -> bool:
    if isinstance(value, Tensor):
        if not value.numel():
            return False
        with torch.no_grad():
            value.copy_(~value if value.dtype == torch.bool else value + 1)
        return True
    if isinstance(value, torch.nn.Module):
        return any(_changed(item) for item in value.parameters())
    if any(_changed(item) for _, item in parts(value)):
        return True
    if isinstance(value, list):
        value.append(None)
        return True
    return False

"""The inputs of a learner's function as they were: what changed since, and the way back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from metalearn_course.classroom.values import parts


class Snapshot:
    """A value as it was: what changed since, and the way back.

    The learner's function gets the originals, so that a check can ask for gradients with respect to them.
    Generators and other objects are not watched: drawing from a generator has to change it.
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        self.parts = [(path, Snapshot(item)) for path, item in parts(value)]
        self.members = value.copy() if isinstance(value, dict | list) else None
        self.copy: Any = None
        if isinstance(value, Tensor):
            self.copy, self.needs_gradient = value.detach().clone(), value.requires_grad
            self.gradient = value.grad if value.is_leaf else None  # asking others for theirs prints a warning
        elif isinstance(value, np.ndarray):
            self.copy = value.copy()
        elif isinstance(value, torch.nn.Module):
            named = {**dict(value.named_parameters()), **dict(value.named_buffers())}
            self.parts = [(f".{name}", Snapshot(item)) for name, item in named.items()]

    def change(self) -> str | None:
        """The path of the first part that changed, "" for the whole, None when all is as it was."""
        if self.members is not None and not _same_members(self.value, self.members):
            return ""
        if self.copy is not None and not _equal(self.value, self.copy):
            return ""
        for path, part in self.parts:
            inside = part.change()
            if inside is not None:
                return path + inside
        return None

    def restore(self) -> None:
        """Put the old contents back into the very same objects."""
        if isinstance(self.value, dict) and isinstance(self.members, dict):
            self.value.clear()
            self.value.update(self.members)
        elif isinstance(self.value, list) and isinstance(self.members, list):
            self.value[:] = self.members
        elif isinstance(self.value, Tensor):
            if not _equal(self.value, self.copy):
                self.value.data = self.copy
            if self.value.is_leaf:
                self.value.grad = self.gradient
                self.value.requires_grad_(self.needs_gradient)
        elif isinstance(self.value, np.ndarray) and not _equal(self.value, self.copy):
            self.value[...] = self.copy
        for _, part in self.parts:
            part.restore()


def _same_members(now: Any, before: Any) -> bool:
    if len(now) != len(before):
        return False
    if isinstance(now, dict):
        return all(key in now and now[key] is item for key, item in before.items())
    return all(one is other for one, other in zip(now, before, strict=True))


def _equal(now: Any, before: Any) -> bool:
    if isinstance(now, np.ndarray):
        return now.shape == before.shape and np.array_equal(now, before, equal_nan=now.dtype.kind in "fc")
    if now.shape != before.shape or now.dtype != before.dtype:
        return False
    return bool(((now == before) | ((now != now) & (before != before))).all())

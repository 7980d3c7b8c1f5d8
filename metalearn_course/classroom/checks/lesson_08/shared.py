"""What several checks of lesson 08 work with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, tensor
from torch.utils._pytree import tree_map

from metalearn_course.classroom.checks import Answer


def f64(value: Any) -> Tensor:
    return tensor(value, dtype=torch.float64)


def random_f64(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def unwatched(answer: Answer) -> Callable[..., Any]:
    """The answer for inputs that are results themselves, whose `.grad` cannot be watched."""
    return lambda *args: answer.within(lambda function: function(*args))


def with_gradient(tree: Any) -> Any:
    return tree_map(lambda t: t.clone().requires_grad_(), tree)

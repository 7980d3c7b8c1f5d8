"""Meta-gradients by name, and as one vector."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from metalearn_course import MetaLearner, Task


def gradient(meta_learner: MetaLearner, tasks: Task) -> dict[str, Tensor]:
    """The meta-gradient by name, zeros where there is none."""
    phi = dict(meta_learner.named_parameters())
    loss = meta_learner(tasks).mean()
    return dict(zip(phi, torch.autograd.grad(loss, [*phi.values()], materialize_grads=True), strict=True))


def flat(tensors: dict[str, Tensor] | Iterable[Tensor]) -> Tensor:
    return torch.cat([t.flatten() for t in (tensors.values() if isinstance(tensors, dict) else tensors)])

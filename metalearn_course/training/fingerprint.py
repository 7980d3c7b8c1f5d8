"""What tells one training from another where words do not: numbers of its tasks, of its loss, of what is frozen."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..learners import Frozen
from ..meta_learners.base import MetaLearner
from ..tasks.check import draw
from ..tasks.task import Task, TaskDistribution

_ALMOST = 1e-3  # other processors give other last digits, and a checkpoint may travel

Numbers = dict[str, list[float]]


def numbers_of(meta_learner: MetaLearner, tasks: TaskDistribution) -> Numbers:
    """Of two tasks from one seed, of the loss of an answer to them, and of every frozen module, a few numbers each.

    Args:
        meta_learner: whose loss and `Frozen` modules are looked at.
        tasks: which two are drawn from.

    Returns:
        What it is of -> numbers; empty for a loss that cannot be asked like that.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        drawn = draw(tasks, 2, torch.Generator().manual_seed(0))
        parts = {f"tasks: {name}": tensor for name, tensor in _tensors(drawn)}
        frozen = [(name, part) for name, part in meta_learner.named_modules() if isinstance(part, Frozen)]
        parts |= {f"frozen: {name}.{key}": t for name, part in frozen for key, t in part.module.state_dict().items()}
        return {what: _few(tensor) for what, tensor in parts.items()} | {"loss": _of_loss(meta_learner, drawn)}


def first_difference(saved: Numbers, mine: Numbers) -> str:
    """What differs first, and not in its last digits only; empty if nothing does."""
    for what in {**saved, **mine}:
        a, b = saved.get(what, []), mine.get(what, [])
        size = max((abs(x) for x in [*a, *b] if math.isfinite(x)), default=0.0)
        near = (_near(x, y, size) for x, y in zip(a, b, strict=False))
        if len(a) != len(b) or not all(near):
            return what
    return ""


def _near(x: float, y: float, size: float) -> bool:
    return x == y or (math.isnan(x) and math.isnan(y)) or abs(x - y) <= _ALMOST * size


def _tensors(tasks: Task) -> list[tuple[str, Tensor]]:
    sets = [
        (f"{name}.{key}", t)
        for name, e in (("support", tasks.support), ("query", tasks.query))
        for key, t in e._asdict().items()
    ]
    return [*sets, ("classes", tasks.classes)]


def _few(tensor: Tensor) -> list[float]:
    """The mean, the root mean square, and two means under weights that go up and down, so that an order counts."""
    flat = tensor.detach().double().flatten()
    if not len(flat):
        return []
    places = torch.arange(len(flat), dtype=torch.float64)
    means = [flat.mean(), flat.square().mean().sqrt(), *((flat * (w * places).cos()).mean() for w in (1.0, 2.3))]
    return [mean.item() for mean in means]


def _of_loss(meta_learner: MetaLearner, tasks: Task) -> list[float]:
    """The loss of random predictions for a task; nothing where it takes no such thing."""
    y, ways = tasks.query.y[0], tasks.classes.shape[-1]
    predictions = torch.randn(*(y.shape if not ways else (len(y), ways)), generator=torch.Generator().manual_seed(0))
    try:
        loss: Any = meta_learner.loss(predictions, y)
        return [float(loss)]
    except Exception:  # a loss of one's own may want anything
        return []


__all__ = ["Numbers", "first_difference", "numbers_of"]

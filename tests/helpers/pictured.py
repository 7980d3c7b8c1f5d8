"""What is computed and drawn in tests of studies and figures: a trace, two starts, a cloud of points, a memory."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F

from metalearn_course import figures
from metalearn_course.learners import mlp
from metalearn_course.meta_learners import MAML, FineTuned, MemoryAugmented, Prototypical
from metalearn_course.tasks import Examples, Sinusoids, Task
from metalearn_course.tasks.task import one_task
from metalearn_course.update_rules import SGD, unroll


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def small_trace(rate: float = 0.1, steps: int = 5):
    def loss(params, batch):
        return (params["w"] - batch).square().sum()

    return unroll(loss, SGD(rate), {"w": torch.linspace(-1, 1, 20)}, [torch.full((20,), 0.5)] * steps)


def wave():
    return one_task(Sinusoids(5, 101, grid=True).sample(1, generator()), 0)


def pair():
    torch.manual_seed(0)
    return FineTuned(mlp(1, 8, 1), loss=F.mse_loss), MAML(mlp(1, 8, 1), loss=F.mse_loss)


@functools.cache
def starts():
    return figures.two_starts_frames(*pair(), wave().support, wave().query.y)


def cloud():
    """A 3-way task of points in 5 dimensions, and a network with the states of a short random walk."""
    x = torch.randn(3, 6, 5, generator=generator()) + 3 * torch.eye(3, 5)[:, None]
    y = torch.arange(3)[:, None].expand(3, 6)
    parts = (Examples(x[:, part].flatten(0, 1), y[:, part].flatten()) for part in (slice(2), slice(2, None)))
    torch.manual_seed(0)
    method = Prototypical(mlp(5, 8, 4))
    states = {}
    for step in (0, 7, 30):
        states[step] = {k: v + 0.05 * step * torch.randn(v.shape) for k, v in method.state_dict().items()}
    return method, states, Task(*parts, torch.arange(3))


def rememberer():
    torch.manual_seed(0)
    return MemoryAugmented(5, 3, slots=6, width=4, hidden=8), cloud()[2]


def remembered():
    return figures.memory_frames(*rememberer())

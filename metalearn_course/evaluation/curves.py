"""curves: how the loss falls, step by step, over many trainings."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import vmap

from .._common.arguments import whole
from .._common.seeds import FRESH, PROBLEMS, stream
from ..meta_learners.inputs import one_dtype
from ..meta_learners.trained_by import TrainedBy
from ..tasks.check import admit, check_tasks, draw
from ..tasks.task import Task, TaskDistribution
from ..update_rules import training_steps
from .predictions import chunks, in_mode

_PROBLEMS_AT_ONCE = 128


def curves(trained_by: TrainedBy, tasks: TaskDistribution, *, problems: int = 1000, seed: int = 1) -> Tensor:
    """The query loss before and after every step of many trainings.

    Two rules with the same seed meet the same problems and begin from the same weights. These are never the problems of
    meta-training, whatever its seed. A training that diverges is followed to its end; NaN counts as infinite.

    Args:
        trained_by: whose trainings are followed.
        tasks: where the problems come from.
        problems: how many, 2 or more.
        seed: of the problems, and of the weights that trainings begin from.

    Returns:
        The losses, (problems, steps + 1).

    Raises:
        TypeError: if `trained_by` is no `TrainedBy`.
        ValueError: for numbers out of range.
    """
    if not isinstance(trained_by, TrainedBy):
        raise TypeError(f"curves follows the trainings of a TrainedBy; {type(trained_by).__name__} is none.")
    problems, seed = whole("problems", problems, 2), whole("seed", seed, -(2**63))
    admit(tasks, kinds=True)
    generator, parts = torch.Generator().manual_seed(stream(seed, PROBLEMS)), []
    with in_mode(trained_by), torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream(seed, FRESH))
        for size in chunks(problems, _PROBLEMS_AT_ONCE):
            parts.append(_curves(trained_by, draw(tasks, size, generator)))
    return torch.cat(parts).nan_to_num(nan=torch.inf, posinf=torch.inf)


def _curves(trained_by: TrainedBy, tasks: Task) -> Tensor:
    def one(task: Task) -> Tensor:
        start, losses = trained_by.start(), []
        batches = [trained_by.mini_batch(task.support, step) for step in range(trained_by.steps)]
        losses.append(trained_by.batch_loss(start, task.query))
        for _, params, _ in training_steps(trained_by.batch_loss, trained_by.rule, start, batches, first_order=True):
            losses.append(trained_by.batch_loss(params, task.query))
        return torch.stack(losses)

    check_tasks(tasks)
    dtype = one_dtype(type(trained_by).__name__, trained_by.parameters(), tasks.support.x)
    with trained_by.at_work(tasks.classes.shape[-1]), dtype:
        return vmap(one, randomness="different")(tasks)

"""The answers of a meta-learner, in the mode that is asked for: what evaluation is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ..meta_learners.base import MetaLearner
from ..meta_learners.losses import CheckedLoss, too_few_outputs
from ..tasks.task import Task


def predictions(meta_learner: MetaLearner, tasks: Task) -> Tensor:
    """The answers to every query of a stack of tasks.

    Args:
        meta_learner: whose answers they are.
        tasks: a stack.

    Returns:
        (tasks, m, outputs).

    Raises:
        ValueError: for fewer outputs than classes, where the loss is cross-entropy.
    """

    def answer(task: Task) -> Tensor:
        return meta_learner.predict(meta_learner.adapt(task.support), task.query.x)

    answers = meta_learner.over_tasks(answer, tasks)
    labels = isinstance(meta_learner.loss, CheckedLoss) and meta_learner.loss.of_labels
    if labels and answers.shape[-1] < tasks.classes.shape[-1]:
        raise ValueError(too_few_outputs(type(meta_learner).__name__, answers.shape[-1]))
    return answers


@contextmanager
def in_mode(meta_learner: MetaLearner, train: bool = False) -> Iterator[None]:
    """Inside, every module is in eval (or train) mode; afterwards its mode and its buffers are as they were."""
    modes = {module: module.training for module in meta_learner.modules()}
    buffers = {name: b.clone() for name, b in meta_learner.named_buffers()}
    meta_learner.train(train)
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        with torch.no_grad():
            for name, b in meta_learner.named_buffers():
                b.copy_(buffers[name])


def chunks(total: int, size: int) -> Iterator[int]:
    """How many tasks go through at once, until `total` have: `size`, and what is left in the end."""
    yield from (min(size, total - done) for done in range(0, total, size))

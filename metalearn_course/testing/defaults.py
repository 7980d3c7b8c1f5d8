"""The inputs that the checks feed by default, and what is said of a meta-learner that is made for others."""

from __future__ import annotations

import copy
import re

import torch

from ..meta_learners.base import MetaLearner
from ..tasks.task import Examples, TaskDistribution, one_task
from .checks import CheckError

_ABOUT_SHAPE = ("shape", "size", "dimension", "channels", "features", "elements")


def expect_to_take(meta_learner: MetaLearner, tasks: TaskDistribution) -> None:
    """CheckError, with how to give other tasks, where inputs of another shape are expected than these tasks have.

    What else goes wrong is left to the checks.

    Args:
        meta_learner: as it was made; a copy of it is asked.
        tasks: those that are fed by default.
    """
    task = one_task(tasks.sample(1, torch.Generator().manual_seed(0)), 0)
    asked = copy.deepcopy(meta_learner).eval()
    try:
        with torch.no_grad():
            support, query = asked.embed(task.support.x), asked.embed(task.query.x)
            with asked.at_work(len(task.classes)):
                asked.predict(asked.adapt(Examples(support, task.support.y)), query)
    except Exception as error:
        said = (str(error).splitlines() or [""])[0]
        n, width = task.support.x.shape
        if not any(word in said for word in _ABOUT_SHAPE) or not re.search(rf"\b(\d+x)?{width}\b", said):
            return
        raise CheckError(
            f"{type(meta_learner).__name__} does not take what the checks feed by default, {tasks.protocol}, support x "
            f"({n}, {width}): {said.rstrip('.')}. Build it for {width} feature{'s' if width > 1 else ''}, as with "
            f"mlp({width}, 8), or hand over tasks that it is made for: check_meta_learner(make, tasks)."
        ) from error

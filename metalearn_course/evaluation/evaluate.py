"""evaluate: the one yardstick, with its protocol, its interval and its measured dependencies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor
from torch.func import vmap

from .._common.arguments import whole
from .._common.interrupts import deferred_interrupt, progress_bar
from .._common.seeds import FRESH, stream
from ..meta_learners.base import MetaLearner
from ..tasks.check import admit, draw
from ..tasks.task import TaskDistribution
from .dependencies import Dependencies, dependencies
from .memory import at_once, parts
from .metrics import accuracy, half_width
from .predictions import chunks, in_mode, predictions

_TASKS_AT_ONCE = 25


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A number with everything needed to believe it: `mean` ± `interval` (95% over tasks), protocol, dependencies.

    per_task: the metric of every task; fewer than were asked for after an interrupt, which `protocol` then says.
    not_finite: in how many tasks an answer was NaN or infinity, because adaptation diverged or the task held such
    numbers. An accuracy counts these answers as wrong (minus infinity is a fair answer: no chance for that class).
    """

    mean: float
    interval: float
    per_task: Tensor = field(repr=False)
    protocol: str
    dependencies: Dependencies
    not_finite: int = 0

    def __str__(self) -> str:
        lost = f"; {self.not_finite} tasks with answers that are not finite" if self.not_finite else ""
        return f"{self.mean:.3f} ± {self.interval:.3f} ({self.protocol}; {self.dependencies}{lost})"


def evaluate(
    meta_learner: MetaLearner,
    tasks: TaskDistribution,
    *,
    metric: Callable[[Tensor, Tensor], Tensor] = accuracy,
    episodes: int = 600,
    seed: int = 1,
    progress: bool = False,
) -> Evaluation:
    """Adapt to each of many tasks and judge the answers to its queries, in eval mode.

    Everything random depends on `seed` alone, so two meta-learners with the same seed meet the same tasks. They go
    through 25 at a time, or fewer where that many would not fit into a gigabyte. The interval is 1.96 standard errors
    over tasks: queries of one task are not independent.

    An interrupt stops after the tasks at hand, and gives the result of those measured so far: that of a shorter
    evaluation. Its `protocol` says how many of how many. A second interrupt stops at once, without a result.

    Args:
        meta_learner: what is judged.
        tasks: where the tasks come from.
        metric: (predictions, y) of one task -> scalar.
        episodes: how many tasks, 2 or more: an interval over them is given.
        seed: of the tasks. Take another than in meta-training: of generated tasks the same seed draws the same ones.
        progress: whether to show a bar.

    Returns:
        The `Evaluation`: mean, interval, protocol, dependencies.

    Raises:
        ValueError: for numbers out of range, and as of `check_tasks`.
        TypeError: as of `check_tasks`.
        KeyboardInterrupt: at a second interrupt, and at a first one before two tasks were measured.
    """
    episodes, seed = whole("episodes", episodes, 2), whole("seed", seed, -(2**63))
    admit(tasks)
    generator = torch.Generator().manual_seed(seed)
    scores, not_finite, together, name = [], 0, None, type(meta_learner).__name__
    bar = progress_bar(chunks(episodes, _TASKS_AT_ONCE), f"evaluate {name}", progress, episodes)
    with in_mode(meta_learner), torch.no_grad(), torch.random.fork_rng(devices=[]), deferred_interrupt() as interrupted:
        torch.manual_seed(stream(seed, FRESH))
        for size in bar:
            drawn = draw(tasks, size, generator)
            together = at_once(partial(predictions, meta_learner), drawn) if together is None else together
            for batch in parts(drawn, together):
                answers = predictions(meta_learner, batch)
                not_finite += int((answers.isnan() | answers.isposinf()).flatten(1).any(1).sum())
                scores.append(vmap(metric)(answers, batch.query.y))
                if interrupted.is_set():
                    break
            if interrupted.is_set():
                break
        bar.close()
    per_task = torch.cat(scores)
    measured = f"{episodes}"
    if len(per_task) < episodes:
        if len(per_task) < 2:
            raise KeyboardInterrupt(f"{name}: stopped before two tasks were measured.")
        measured = f"{len(per_task)} of {episodes}"
        print(f"{name}: interrupted after {measured} tasks. The result is that of these.")
    return Evaluation(
        mean=per_task.mean().item(),
        interval=half_width(per_task),
        per_task=per_task,
        protocol=f"{tasks.protocol}, {measured} tasks",
        dependencies=dependencies(meta_learner, tasks),
        not_finite=not_finite,
    )

"""Learning by heart or learning to learn: what learners of regressions answer that saw few or many different ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torch.func import vmap

from .._common.arguments import whole
from ..evaluation import Evaluation, evaluate, mse
from ..meta_learners import MetaLearner
from ..tasks import Examples, Regressions, Task, one_task
from .plain import plain

REACH = 2.0  # how far a line through the input space goes, both ways
POINTS = 41


class ByHeart(MetaLearner):
    """The best answer where only so many tasks exist: the mean of their weights, by how well each fits the support set.

    Raventós et al. (2023, arXiv:2306.15063), section 2, the discrete estimator (dMMSE).

    Args:
        weights: of the tasks that are known (different, d).
        noise: the standard deviation of the targets, above 0.
    """

    def __init__(self, weights: Tensor, noise: float) -> None:
        super().__init__(F.mse_loss)
        self.weights, self.noise = weights, noise

    def adapt(self, support: Examples) -> Tensor:
        """The weights to answer with (d,)."""
        errors = (support.x @ self.weights.T - support.y).square().sum(0)
        return (-errors / (2 * self.noise**2)).softmax(0) @ self.weights

    def predict(self, weights: Tensor, x: Tensor) -> Tensor:
        """The answers (m, 1)."""
        return x @ weights[:, None]


class Ridge(MetaLearner):
    """The best answer where tasks are endless: ridge regression, the posterior mean of standard normal weights.

    Args:
        noise: the standard deviation of the targets, above 0.
    """

    def __init__(self, noise: float) -> None:
        super().__init__(F.mse_loss)
        self.noise = noise

    def adapt(self, support: Examples) -> Tensor:
        """The weights to answer with (d,)."""
        x, y = support
        return torch.linalg.solve(x.T @ x + self.noise**2 * torch.eye(x.shape[-1]).to(x), x.T @ y)[:, 0]

    def predict(self, weights: Tensor, x: Tensor) -> Tensor:
        """The answers (m, 1)."""
        return x @ weights[:, None]


class Diversity(NamedTuple):
    """What was measured for each number of different training tasks; None is endlessly many.

    different: these numbers. new: mean squared error on new tasks, of the learner, by heart (None for endlessly many)
    and of ridge regression, by name. seen: the learner's on the tasks of its training.
    """

    different: list[int | None]
    new: dict[str, list[Evaluation | None]]
    seen: list[Evaluation]


def diversity(
    learners: Mapping[int | None, MetaLearner], tasks: Regressions, count: int = 1_000, seed: int = 1
) -> Diversity:
    """Errors on new tasks and on those of the training, beside the best answers for either.

    Args:
        learners: by the number of different tasks that each was trained on.
        tasks: endlessly many of the same kind.
        count: how many are asked about.
        seed: of these.
    """
    count = whole("count", count, 2)

    def error(learner: MetaLearner, of: Regressions) -> Evaluation:
        return evaluate(learner, of, metric=mse, episodes=count, seed=seed)

    ridge = error(Ridge(tasks.noise), tasks)
    new: dict[str, list[Evaluation | None]] = {"transformer": [], "by heart": [], "ridge regression": []}
    for different, learner in learners.items():
        new["transformer"].append(error(learner, tasks))
        new["ridge regression"].append(ridge)
        heart = None if different is None else ByHeart(replace(tasks, different=different).weights(), tasks.noise)
        new["by heart"].append(None if heart is None else error(heart, tasks))
    seen = [error(learner, replace(tasks, different=different)) for different, learner in learners.items()]
    return Diversity(list(learners), new, seen)


def diversity_frames(
    learners: Mapping[int | None, MetaLearner], tasks: Regressions, count: int = 1_000, seed: int = 1
) -> dict[str, Any]:
    """For the picture: the errors of `diversity`, and what everybody answers along a line, for one new task.

    The line goes through the input space in the direction of the new task's weights, so that the truth is as steep as
    it can be.

    Args:
        learners: see `diversity`.
        tasks: see `diversity`.
        count: see `diversity`.
        seed: of the tasks; the one that is drawn is the steepest of the first ten.
    """
    found = diversity(learners, tasks, count, seed)
    task, true = _steep(tasks, seed)
    along = torch.linspace(-REACH, REACH, POINTS)
    line = along[:, None] * true / true.norm()
    answers: dict[str, list[Any]] = {"transformer": [], "by heart": []}
    with torch.no_grad():
        for different, learner in learners.items():
            answers["transformer"].append(_answers(learner, task.support, line))
            heart = None if different is None else ByHeart(replace(tasks, different=different).weights(), tasks.noise)
            answers["by heart"].append(None if heart is None else _answers(heart, task.support, line))
        ridge = _answers(Ridge(tasks.noise), task.support, line)
    errors = {name: [e and [e.mean, e.interval] for e in each] for name, each in found.new.items()}
    return {
        "different": found.different,
        "errors": errors,
        "along": plain(along),
        "answers": answers,
        "ridge": ridge,
        "truth": plain(line @ true),
    }


def _steep(tasks: Regressions, seed: int) -> tuple[Task, Tensor]:
    """The steepest of ten new tasks, and its weights (d,)."""
    stack = tasks.sample(10, Generator().manual_seed(seed))
    clean = replace(tasks, noise=0.0).sample(10, Generator().manual_seed(seed))
    x = torch.cat([clean.support.x, clean.query.x], 1)  # the same as in the stack; only the noise is missing
    weights = torch.linalg.lstsq(x, torch.cat([clean.support.y, clean.query.y], 1)).solution[..., 0]
    steepest = int(weights.norm(dim=1).argmax())
    return one_task(stack, steepest), weights[steepest]


def _answers(learner: MetaLearner, support: Examples, x: Tensor) -> Any:
    """What a learner says at each row of x, as numbers for JSON."""
    stack = Examples(support.x[None], support.y[None])
    return plain(vmap(lambda s: learner.predict(learner.adapt(s), x))(stack)[0, :, 0])

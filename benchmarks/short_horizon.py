"""What a meta-loss that looks ten steps ahead learns, with one thing changed at a time: the noise, or the curvatures.

Lesson 09's bowl: a steep direction (curvature 1) and a flat one (0.02), trained for 100 steps from far out along the
flat one, on mini-batches whose minimum is off by noise of size 0.8. Its rate is learned by backpropagation truncated
at ten steps, and compared with the best of a grid on whole trainings. Wu et al. (2018, arXiv:1803.02021) call
short-horizon bias what comes of noise AND unequal curvatures: a rate that is too small.

    python benchmarks/short_horizon.py
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from metalearn_course import (
    Backpropagation,
    Examples,
    LearnedRate,
    Task,
    TrainedBy,
    Truncated,
    curves,
    meta_train,
)
from metalearn_course.authoring.results import save
from metalearn_course.estimators import Estimator

STEPS, TRUNCATION, RATE, META_STEPS = 100, 10, 0.3, 150
GRID = torch.logspace(-1.5, 0.28, 19).tolist()
CASES = {"as in the lesson": (0.8, 0.02), "without noise": (0.0, 0.02), "equal curvatures": (0.8, 1.0)}


@dataclass(frozen=True)
class Bowl:
    """Two weights; the minimum of every mini-batch, two rows, is off by `noise`; the second curvature is `flat`."""

    noise: float
    flat: float

    @property
    def protocol(self) -> str:
        return f"a bowl with curvatures 1 and {self.flat}, noise {self.noise}"

    def sample(self, tasks: int, generator: Generator) -> Task:
        rows = torch.tensor([1.0, self.flat]).sqrt().diag()
        off = self.noise * torch.randn(tasks, STEPS, 2, generator=generator)
        support = Examples(rows.repeat(tasks, STEPS, 1), (off @ rows).reshape(tasks, 2 * STEPS, 1))
        query = Examples(rows.repeat(tasks, 1, 1), torch.zeros(tasks, 2, 1))
        return Task(support, query, torch.empty(tasks, 0, dtype=torch.int64))


def half_squares(prediction: Tensor, y: Tensor) -> Tensor:
    return (prediction - y).square().sum() / 2


def trainer(rate: float) -> TrainedBy:
    start = nn.Linear(2, 1, bias=False)
    start.weight.data = torch.tensor([[0.5, 10.0]])
    return TrainedBy(start, LearnedRate(rate), STEPS, batch=2, loss=half_squares, first_order=False, fresh_start=False)


def gradient(estimator: Estimator, bowl: Bowl) -> float:
    """By the logarithm of the rate, at RATE: the sum over the segments of 100 trainings."""
    trained_by, tasks = trainer(RATE), bowl.sample(100, Generator().manual_seed(0))
    phi = {"rule.log_lr": trained_by.get_parameter("rule.log_lr")}
    s, total = estimator.init(trained_by, tasks), 0.0
    for _ in range(estimator.period(trained_by)):
        grads, _, s = estimator.step(trained_by, phi, tasks, s)
        total += grads["rule.log_lr"].item()
    return total


def over_a_training(rate: float, bowl: Bowl) -> float:
    """The mean loss over the steps, on 128 bowls."""
    return curves(trainer(rate), bowl, problems=128, seed=1)[:, 1:].mean().item()


def main() -> None:
    torch.set_num_threads(1)
    began, rows = time.perf_counter(), {}
    for name, (noise, flat) in CASES.items():
        bowl, learner = Bowl(noise, flat), trainer(0.1)
        exact, cut = gradient(Backpropagation(), bowl), gradient(Truncated(TRUNCATION), bowl)
        losses = [over_a_training(rate, bowl) for rate in GRID]
        meta_train(
            learner, bowl, META_STEPS, lr=0.1, anneal=True, estimator=Truncated(TRUNCATION), seed=0, progress=False
        )
        learned = learner.get_parameter("rule.log_lr").exp().item()
        best, ratio = GRID[losses.index(min(losses))], over_a_training(learned, bowl) / min(losses)
        print(
            f"{name}: at rate {RATE} the exact gradient is {exact:+.3f}, the truncated one {cut:+.3f}; best rate of "
            f"the grid {best:.2f}, learned by truncation {learned:.2f}, with {ratio:.2f} times the loss",
            flush=True,
        )
        rows[name] = {"exact": exact, "truncated": cut, "best": best, "learned": learned, "loss over the best": ratio}
    print(f"{time.perf_counter() - began:.0f} s")
    save("short_horizon", rows)


if __name__ == "__main__":
    main()

"""The bias lab: five gradients of one training, whose exact gradient is known.

A bowl with 20 weights, curvatures from 0.01 to 1, trained by gradient descent for 100 steps; the gradient is that of
the mean loss along the training, by the logarithm of the rate, at rate 0.05. Backpropagation through all of it is
exact. Truncation is at 10 steps; the gradients of the ten segments of a training are added up. ES, truncated ES and PES
have perturbations of size 0.01, so small that smoothing moves the gradient by less than a thousandth of itself; each
estimate is the mean of 400 pairs, each interval (95%) that of 15 estimates.

    python benchmarks/bias.py [--seeds 3]
"""

from __future__ import annotations

import argparse
import time

import torch
from torch import Tensor, nn

from metalearn_course import (
    PES,
    Backpropagation,
    EvolutionStrategies,
    Examples,
    LearnedRate,
    Task,
    TrainedBy,
    Truncated,
    TruncatedES,
)
from metalearn_course.authoring.results import save
from metalearn_course.estimators import Estimator
from metalearn_course.evaluation import half_width

STEPS, TRUNCATION, RATE, SIGMA, PAIRS, ESTIMATES = 100, 10, 0.05, 0.01, 400, 15


def half_squares(prediction: Tensor, y: Tensor) -> Tensor:
    return (prediction - y).square().sum() / 2


def bowl() -> tuple[TrainedBy, Task]:
    curvatures = torch.logspace(-2, 0, 20, dtype=torch.float64)
    rows = Examples(curvatures.sqrt().diag()[None], torch.zeros(1, 20, 1, dtype=torch.float64))
    learner = nn.Linear(20, 1, bias=False).double()
    nn.init.ones_(learner.weight)
    options = {"loss": half_squares, "first_order": False, "fresh_start": False}
    trained_by = TrainedBy(learner, LearnedRate(RATE), STEPS, **options).double()
    return trained_by, Task(rows, rows, torch.empty(1, 0, dtype=torch.int64))


def one_training(estimator: Estimator, trained_by: TrainedBy, task: Task) -> float:
    """The sum of the gradients of all segments of one training."""
    phi = {"rule.log_lr": trained_by.get_parameter("rule.log_lr")}
    s, total = estimator.init(trained_by, task), 0.0
    for _ in range(STEPS // (getattr(estimator, "truncation", None) or STEPS)):
        grads, _, s = estimator.step(trained_by, phi, task, s)
        total += grads["rule.log_lr"].item()
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    began = time.perf_counter()
    trained_by, task = bowl()
    exact = one_training(Backpropagation(), trained_by, task)
    bias = one_training(Truncated(TRUNCATION), trained_by, task) - exact
    print(f"exact {exact:.4f}; truncated {exact + bias:.4f}, so its bias is {bias:+.4f}")
    rows: dict[str, dict[str, float]] = {"exact": {"gradient": exact}, "truncated": {"gradient": exact + bias}}
    for seed in range(options.seeds):
        torch.manual_seed(seed)
        for estimator in (
            EvolutionStrategies(SIGMA, PAIRS),
            TruncatedES(TRUNCATION, SIGMA, PAIRS),
            PES(TRUNCATION, SIGMA, PAIRS),
        ):
            each = torch.tensor([one_training(estimator, trained_by, task) for _ in range(ESTIMATES)])
            mean, half = each.mean().item(), half_width(each)
            name = type(estimator).__name__
            share = half / abs(bias)
            print(
                f"seed {seed}, {name}: {mean:.4f} ± {half:.4f}, off by {mean - exact:+.4f}; "
                f"half-width {100 * share:.1f}% of the truncated bias",
                flush=True,
            )
            rows[f"seed {seed}, {name}"] = {"gradient": mean, "interval": half, "of the bias": share}
    print(f"{time.perf_counter() - began:.0f} s")
    save("bias", rows)


if __name__ == "__main__":
    main()

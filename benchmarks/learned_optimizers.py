"""Learned optimizers against tuned ones, where they were trained and where they were not; and the rules that ship.

quadratics: the LSTM optimizer, meta-trained on random quadratics of 10 dimensions. digits: the small-MLP optimizer, on
networks of 16 sigmoid units that see 16 principal components of real digits; judged on networks for the other half of
the images. The five references get their rates from `tune`, on problems of their own, each with the same limit of
trials. Then 1,000 held-out problems, the same for all: mean loss at step 100, and the ratio of learned to reference
with its 95% interval (paired, by linearization). On quadratics momentum with a larger share is the strongest reference
that we know of: 0.95, and 0.94, which a finer search found, are two more rows, tuned alike. elsewhere: the digits rule
that ships, where it was not trained.

    python benchmarks/learned_optimizers.py quadratics [--seeds 3] [--save]
    python benchmarks/learned_optimizers.py digits [--seeds 3] [--save]
    python benchmarks/learned_optimizers.py elsewhere

`--save` writes the rule of seed 0 to the files that `learned_rule` reads.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metalearn_course import (
    SGD,
    Adam,
    LSTMOptimizer,
    MLPOptimizer,
    Momentum,
    Nesterov,
    Quadratics,
    RMSprop,
    TrainedBy,
    Truncated,
    curves,
    digits,
    learned_rule,
    meta_train,
    mlp,
    save_rule,
    table,
    tune,
)
from metalearn_course.authoring.results import save
from metalearn_course.evaluation import half_width
from metalearn_course.tasks import summed_squares
from metalearn_course.tasks.task import TaskDistribution
from metalearn_course.trained.rules import RULES
from metalearn_course.update_rules import UpdateRule

REFERENCES: dict[str, Callable[[float], UpdateRule]] = {
    "SGD": SGD,
    "momentum": Momentum,
    "Nesterov": Nesterov,
    "RMSprop": RMSprop,
    "Adam": Adam,
}
LARGER_SHARES = {f"momentum {share}": lambda rate, share=share: Momentum(rate, share) for share in (0.94, 0.95)}
RATES = [10 ** (k / 4) for k in range(-12, 5, 2)]
ON_DIGITS = "16 components of digits, 16 sigmoid units, 100 steps of 128"


def quadratics(seed: int) -> tuple[TrainedBy, TaskDistribution, TaskDistribution]:
    """The LSTM optimizer, trained; and the problems that references are tuned on, and all are judged on."""
    torch.manual_seed(seed)
    learner = nn.Linear(10, 1, bias=False)
    trained_by = TrainedBy(learner, LSTMOptimizer(), 100, loss=summed_squares)
    options = {"meta_batch": 32, "lr": 5e-3, "anneal": True, "clip": 1.0, "seed": seed, "progress": False}
    meta_train(trained_by, Quadratics(), 2100, estimator=Truncated(20), **options)
    return trained_by, Quadratics(), Quadratics()


def on_digits(seed: int) -> tuple[TrainedBy, TaskDistribution, TaskDistribution]:
    """The small-MLP optimizer, trained on one half of the digits, like the references' rates; judged on the other."""
    torch.manual_seed(seed)
    learner = mlp(16, 16, 10, activation=nn.Sigmoid)
    trained_by = TrainedBy(learner, MLPOptimizer(lr=0.2), 100, batch=128)
    options = {"meta_batch": 8, "lr": 3e-3, "anneal": True, "clip": 1.0, "seed": seed, "progress": False}
    meta_train(trained_by, digits(size=896), 1200, estimator=Truncated(20), **options)
    return trained_by, digits(size=896), digits(size=896, split="test")


def elsewhere() -> dict[str, tuple[TrainedBy, TaskDistribution, TaskDistribution]]:
    """Settings that the digits rule never met: a trainer, problems to tune on, problems to judge by."""
    trained_by = TrainedBy(mlp(16, 16, 10, activation=nn.Sigmoid), learned_rule("mlp_digits"), 100, batch=128)
    halves = digits(size=896), digits(size=896, split="test")
    pixels = digits(None, size=896), digits(None, size=896, split="test")
    tables = table("breast_cancer", "train"), table("breast_cancer", "test")
    same, sigmoid = trained_by.rule, nn.Sigmoid

    def squared(prediction: Tensor, y: Tensor) -> Tensor:
        return F.mse_loss(prediction.softmax(-1), torch.eye(10)[y])

    return {
        "2 times the horizon": (trained_by.by(same, steps=200), *halves),
        "10 times the horizon": (trained_by.by(same, steps=1000), *halves),
        "ReLU": (trained_by.by(same, learner=mlp(16, 16, 10)), *halves),
        "4 times the width": (trained_by.by(same, learner=mlp(16, 64, 10, activation=sigmoid)), *halves),
        "64 pixels": (trained_by.by(same, learner=mlp(64, 16, 10, activation=sigmoid)), *pixels),
        "squared error": (trained_by.by(same, loss=squared), *halves),
        "logistic regression": (trained_by.by(same, learner=nn.Linear(30, 2), batch=64), *tables),
    }


def ratio(learned: Tensor, reference: Tensor) -> tuple[float, float]:
    """Of two means over the same problems, and its 95% half-width."""
    value = (learned.mean() / reference.mean()).item()
    return value, half_width(learned - value * reference) / reference.mean().item()


def judge(
    trained_by: TrainedBy,
    tuning: TaskDistribution,
    held_out: TaskDistribution,
    problems: int,
    tuned_on: int,
    references: dict[str, Callable[[float], UpdateRule]] = REFERENCES,
) -> dict[str, float | list[float]]:
    """The loss after the last step, learned and references; the ratio to each."""
    learned = curves(trained_by, held_out, problems=problems)[:, -1]
    row: dict[str, float | list[float]] = {"learned": learned.mean().item(), "learned, median": learned.median().item()}
    for name, rule in references.items():
        tuned = tune(rule, RATES, tuning, trained_by, problems=tuned_on, trials=20)
        reference = curves(trained_by.by(tuned.rule), held_out, problems=problems)[:, -1]
        row[name], row[f"{name}, rate"] = reference.mean().item(), tuned.value
        row[f"{name}, median"] = reference.median().item()
        row[f"ratio to {name}"] = list(ratio(learned, reference))
    return row


def said(row: dict[str, float | list[float]]) -> str:
    best = min(REFERENCES, key=lambda name: row[name])
    references = ", ".join(f"{name} {row[name]:.4g} at {row[name + ', rate']:.3g}" for name in REFERENCES)
    ratios = {f"the best, {best}": row[f"ratio to {best}"]}
    ratios |= {name: row[f"ratio to {name}"] for name in LARGER_SHARES if name in row}
    compared = ", ".join(f"{value:.2f} ± {half:.2f} of {name}" for name, (value, half) in ratios.items())
    return f"learned {row['learned']:.4g}; {references}; {compared}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("quadratics", "digits", "elsewhere"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = {}
    if options.what == "elsewhere":
        for setting, (trained_by, tuning, held_out) in elsewhere().items():
            numbers = (200, 64) if trained_by.steps < 1000 else (512, 32)  # a few networks in a hundred make the mean
            rows[setting] = judge(trained_by, tuning, held_out, *numbers)
            print(f"{setting}: {said(rows[setting])}", flush=True)
            save("learned_optimizers_elsewhere", rows)
        return
    train = {"quadratics": quadratics, "digits": on_digits}[options.what]
    for seed in range(options.seeds):
        trained_by, tuning, held_out = train(seed)
        if options.what == "quadratics":
            row = judge(trained_by, tuning, held_out, 1000, 1000, REFERENCES | LARGER_SHARES)
        else:
            row = judge(trained_by, tuning, held_out, 1000, 128)
        row["seconds"] = trained_by.trained_seconds
        rows[f"seed {seed}"] = row
        print(f"{options.what}, seed {seed}, {trained_by.trained_seconds:.0f} s: {said(row)}", flush=True)
        if seed == 0 and options.save:
            name = {"quadratics": "lstm_quadratics", "digits": "mlp_digits"}[options.what]
            trained_on = {"quadratics": "quadratics of 10 dimensions, 100 steps", "digits": ON_DIGITS}[options.what]
            save_rule(RULES / f"{name}.npz", trained_by.rule, trained_on, seconds=round(trained_by.trained_seconds))
        save(f"learned_optimizers_{options.what}", rows)


if __name__ == "__main__":
    main()

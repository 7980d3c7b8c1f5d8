"""Learned starts on characters after the same seconds of meta-training: 5-way 1-shot on the test classes.

Every method gets the same network, Conv4 of width 32 with group norm, so that each answers from its support set alone,
and is trained as its shipped weights are (`trained/meta_learners.py`), but for `--seconds` of processor time on one
thread, the outer rate annealed to 0 over them. "maml, as shipped" has the network of the shipped weights: width 64,
batch statistics. 600 episodes, the same for all: accuracy with its interval, paired difference to MAML, and what the
answers were measured to depend on.

    python benchmarks/starts.py [--source omniglot] [--seconds 120] [--seeds 3]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import torch
from torch import nn

from metalearn_course import (
    ANIL,
    MAML,
    Characters,
    Episodes,
    ImplicitMAML,
    MetaLearner,
    Reptile,
    ZeroHeadMAML,
    characters,
    compare,
    conv4,
)
from metalearn_course.authoring.results import save
from metalearn_course.estimators import Backpropagation
from metalearn_course.trained.meta_learners import RECIPES, Recipe

METHODS: dict[str, Callable[[nn.Module], MetaLearner]] = {
    "maml": lambda net: MAML(net, lr=0.4),
    "first-order maml": lambda net: MAML(net, steps=3, lr=0.1, first_order=True),
    "zero-head maml": lambda net: ZeroHeadMAML(net, lr=0.4),
    "anil": lambda net: ANIL(net, lr=0.4),
    "reptile": lambda net: Reptile(net, steps=8, lr=0.1, batch=10),
    "implicit maml": lambda net: ImplicitMAML(net, steps=8, lr=0.2, proximal_weight=0.5),
}


def contenders() -> dict[str, Recipe]:
    """The shipped recipes, but with one network for all."""
    same = {
        name: replace(RECIPES[name], make=lambda data, _, make=make: make(conv4(5, width=32, norm="group")))
        for name, make in METHODS.items()
    }
    return {**same, "maml, as shipped": RECIPES["maml"]}


def train_for(seconds: float, recipe: Recipe, data: Characters, seed: int) -> tuple[MetaLearner, int]:
    """meta_train's loop by the processor's clock instead of by steps; the outer rate falls with the time left."""
    torch.manual_seed(seed)
    meta_learner = recipe.make(data, torch.nn.Identity()).train()
    phi = {name: p for name, p in meta_learner.named_parameters() if p.requires_grad}
    optimizer, generator = torch.optim.Adam(phi.values()), torch.Generator().manual_seed(seed)
    tasks, estimator, steps, began = recipe.episodes(data), Backpropagation(), 0, time.process_time()
    while (left := 1 - (time.process_time() - began) / seconds) > 0:
        optimizer.param_groups[0]["lr"] = recipe.lr * left
        grads, _, _ = estimator.step(meta_learner, phi, tasks.sample(recipe.meta_batch, generator), ())
        for name, p in phi.items():
            p.grad = grads[name]
        optimizer.step()
        steps += 1
    meta_learner.zero_grad(set_to_none=True)
    meta_learner.trained_seconds = seconds
    if recipe.test_steps is not None:
        cast(MAML, meta_learner).steps = recipe.test_steps
    return meta_learner.eval(), steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", choices=("omniglot", "glyphs"), default="omniglot")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = characters(options.source)
    test, rows = Episodes(data, 5, 1, 15, split="test"), {}
    for seed in range(options.seeds):
        trained, steps = {}, {}
        for name, recipe in contenders().items():
            trained[name], steps[name] = train_for(options.seconds, recipe, data, seed)
        with contextlib.redirect_stdout(io.StringIO()):
            table = compare(trained, test, against="maml", seed=1)
        for row in table:
            gap, half = row.difference or (0.0, 0.0)
            print(
                f"seed {seed}, {row.name}, {steps[row.name]:,} steps in {options.seconds:.0f} s: {row.result}; "
                f"minus maml {gap:+.3f} ± {half:.3f}",
                flush=True,
            )
            rows[f"seed {seed}, {row.name}"] = {
                "steps": steps[row.name],
                "seconds": options.seconds,
                "accuracy": row.result.mean,
                "interval": row.result.interval,
                "minus maml": [gap, half],
                "dependencies": str(row.result.dependencies),
            }
    save(f"starts_{options.source}", rows)


if __name__ == "__main__":
    main()

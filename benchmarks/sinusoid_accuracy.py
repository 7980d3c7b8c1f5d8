"""The sinusoid experiment of Finn et al. (2017), section 5.1, shortened to 10,000 outer steps, over three seeds.

Trained with 10 shots and one inner step at rate 0.01; judged at 5 shots after 1, 5 and 10 steps, beside a network
pretrained on all tasks and fine-tuned.

    python benchmarks/sinusoid_accuracy.py [--steps 10000] [--seeds 3]
"""

from __future__ import annotations

import argparse

import torch
import torch.nn.functional as F

from metalearn_course import MAML, FineTuned, Sinusoids, evaluate, meta_train, mlp, mse
from metalearn_course.authoring.results import save


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: dict[str, dict[str, float]] = {}
    for seed in range(options.seeds):
        for kind in (MAML, FineTuned):
            torch.manual_seed(seed)
            meta_learner = kind(mlp(1, 40, 40, 1), loss=F.mse_loss)
            meta_train(meta_learner, Sinusoids(shots=10), options.steps, seed=seed, progress=False)
            row = {}
            for inner_steps in (1, 5, 10):
                meta_learner.steps = inner_steps
                result = evaluate(meta_learner, Sinusoids(shots=5, queries=100), metric=mse, seed=1)
                row[f"{inner_steps} steps"] = result.mean
                row[f"{inner_steps} steps, median"] = result.per_task.median().item()
            rows[f"{kind.__name__}, seed {seed}"] = row
            print(f"{kind.__name__}, seed {seed}: " + ", ".join(f"{k} {v:.3f}" for k, v in row.items()), flush=True)
    save("sinusoid_accuracy", rows)


if __name__ == "__main__":
    main()

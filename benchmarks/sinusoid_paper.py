"""The sinusoid experiment of Finn et al. (2017) as in the paper: 70,000 outer steps of 25 waves, over three seeds.

Trained with 10 shots and one inner step at rate 0.01, outer Adam at 1e-3; judged on 600 waves at 5 and at 10 shots
after 1, 5 and 10 inner steps, beside a network pretrained on all waves at once and fine-tuned. Two things that the
paper does not say: `--anneal` lets the outer rate fall to 0, `--clip 0.3` shortens outer gradients to that norm, so
that a rare steep wave cannot throw the start far. With a C++ compiler the outer step is compiled.

A start that was trained for one step can diverge on a wave when it is given ten at the same rate, and a single such
wave makes any mean. So beside the mean over all waves stand the median, and the mean of those that stay below an error
of 100 with how many do not.

    python benchmarks/sinusoid_paper.py [--steps 70000] [--seeds 3] [--anneal] [--clip 0.3]
"""

from __future__ import annotations

import argparse
import shutil

import torch
import torch.nn.functional as F

from metalearn_course import MAML, Backpropagation, FineTuned, MetaLearner, Sinusoids, evaluate, meta_train, mlp, mse
from metalearn_course.authoring.results import save

PAPER = {"MAML": (0.67, 0.38, 0.35), "FineTuned": (2.41, 2.23, 2.19)}  # table 2: 5 shots, after 1, 5 and 10 steps
INNER_STEPS = (1, 5, 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=70_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--anneal", action="store_true")
    parser.add_argument("--clip", type=float)
    options = parser.parse_args()
    torch.set_num_threads(1)
    compiled = Backpropagation(compile=shutil.which("c++") is not None)
    rows: dict[str, dict[str, float]] = {}
    for kind in (MAML, FineTuned):
        name = kind.__name__
        print(f"{name}, paper: {', '.join(map(str, PAPER[name]))} after 1, 5 and 10 steps")
        for seed in range(options.seeds):
            torch.manual_seed(seed)
            meta_learner: MetaLearner = kind(mlp(1, 40, 40, 1), loss=F.mse_loss)
            more = {"seed": seed, "anneal": options.anneal, "estimator": compiled, "progress": False}
            if options.clip is not None:
                more["clip"] = options.clip
            history = meta_train(meta_learner, Sinusoids(shots=10), options.steps, **more)
            row = rows[f"{name}, seed {seed}"] = {"seconds": history.seconds}
            for shots in (5, 10):
                for meta_learner.steps in INNER_STEPS:
                    result = evaluate(meta_learner, Sinusoids(shots=shots, queries=100), metric=mse, seed=1)
                    what = f"{shots} shots, {meta_learner.steps} steps"
                    errors = result.per_task.nan_to_num(torch.inf)
                    kept = errors[errors < 100]
                    row[what], row[f"{what}, interval"] = result.mean, result.interval
                    row[f"{what}, median"] = errors.median().item()
                    row[f"{what}, mean below 100"] = kept.mean().item()
                    row[f"{what}, diverged"] = len(errors) - len(kept)
            said = ", ".join(_said(row, k) for k in INNER_STEPS)
            print(f"{name}, seed {seed}, {history.seconds:.0f} s: {said}", flush=True)
            save("sinusoid_paper" + "_annealed" * options.anneal + "_clipped" * bool(options.clip), rows)


def _said(row: dict[str, float], steps: int) -> str:
    what = f"5 shots, {steps} steps"
    words = f"{row[what]:.2f} ± {row[what + ', interval']:.2f} (median {row[what + ', median']:.2f}"
    if diverged := row[f"{what}, diverged"]:
        words += f"; without {diverged:.0f} diverged of 600: {row[what + ', mean below 100']:.2f}"
    return words + ")"


if __name__ == "__main__":
    main()

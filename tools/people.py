"""Make the wide network that ships with the course, for the test that people took, from seed 0; or measure it again.

python tools/people.py                        train, measure, write
python tools/people.py --check                load, measure, compare with what is stored
python tools/people.py --checkpoint FILE      keep the half-trained network there, and go on with it

It is trained on the 30 background alphabets of Omniglot and measured on `lake_runs`, which have others. Nothing is
chosen on the runs: width, steps and rate are fixed beforehand.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from metalearn_course import __version__, characters, evaluate, lake_runs, meta_train
from metalearn_course.meta_learners import Prototypical
from metalearn_course.trained.wide import (
    RATE,
    STEPS,
    WIDE,
    TurnedAlphabets,
    pretrained_wide,
    save_wide,
    untrained_wide,
)

SEED = 0


def measure(network: Prototypical) -> dict[str, Any]:
    """The share of wrong answers on the twenty runs, and its 95 % interval over runs."""
    runs = lake_runs()
    result = evaluate(network, runs, episodes=len(runs))
    return {"error": 1 - result.mean, "interval": result.interval, "protocol": result.protocol}


def make(checkpoint: Path | None) -> None:
    tasks = TurnedAlphabets(characters("omniglot"))
    torch.manual_seed(SEED)
    network = untrained_wide()
    options = {} if checkpoint is None else {"checkpoint": checkpoint}
    meta_train(network, tasks, STEPS, seed=SEED, meta_batch=1, lr=RATE, anneal=True, progress=False, **options)
    about: dict[str, Any] = {
        "package": __version__,
        "source": "omniglot",
        "training": f"{tasks.protocol}, {STEPS:,} steps of 1",
        "seed": SEED,
        "seconds": round(network.trained_seconds or 0),
    }
    save_wide(WIDE, network, about)
    about["measured"] = {  # as it ships, in float16
        "once": measure(pretrained_wide()),
        "nine shifted copies": measure(pretrained_wide(shifted=True)),
    }
    save_wide(WIDE, network, about)
    for name, row in about["measured"].items():
        print(f"{name}: errs on {row['error']:.1%} ± {row['interval']:.1%}; {row['protocol']}")
    print(f"{WIDE.stat().st_size / 1000:.0f} KB, {about['seconds']} s")


def check() -> bool:
    """Whether the shipped weights reproduce their stored errors, within one drawing of the 400."""
    holds = True
    for shifted, name in ((False, "once"), (True, "nine shifted copies")):
        network = pretrained_wide(shifted)
        found, stored = measure(network)["error"], (network.about or {})["measured"][name]["error"]
        same = abs(found - stored) <= 1 / 400 + 1e-9
        print(f"{name}: {found:.4f}, stored {stored:.4f}: {'reproduced' if same else 'NOT REPRODUCED'}")
        holds = holds and same
    return holds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="train nothing, measure what ships")
    parser.add_argument("--checkpoint", type=Path, help="a file for the half-trained network, to go on with")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if not options.check:
        make(options.checkpoint)
    elif not check():
        raise SystemExit(1)


if __name__ == "__main__":
    main()

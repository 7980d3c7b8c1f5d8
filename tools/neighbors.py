"""Make the trained learners of lesson 10 that ship with the course, from seed 0; or measure them again.

python tools/neighbors.py [NAME ...]                    train, measure, write
python tools/neighbors.py --check [NAME ...]            load, measure, compare with what is stored
python tools/neighbors.py --seeds 1 2 [NAME ...]        train from other seeds, measure, write the measures only

The last one writes benchmarks/results/neighbors.json, a row for each learner and seed, those of the shipped ones
included. A learner of regressions is measured by its squared error on new regressions and on those it was trained on,
a player of bandits by what the arms that it pulls pay on average.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import torch

from metalearn_course import MetaLearner, evaluate, meta_train, mse
from metalearn_course._common.environment import CourseError
from metalearn_course.authoring.results import save
from metalearn_course.classroom import results
from metalearn_course.meta_learners import RL2
from metalearn_course.tasks import Bandits
from metalearn_course.trained.neighbors import (
    NEIGHBORS,
    RECIPES,
    REGRESSIONS,
    file_name,
    pretrained_neighbor,
    save_neighbor,
)

FILE, TASKS, GAMES = "neighbors", 2_000, 20_000


def train(name: str, seed: int) -> MetaLearner:
    recipe = RECIPES[name]
    torch.manual_seed(seed)
    learner, options = recipe.make(), {"meta_batch": recipe.meta_batch, "lr": recipe.lr, "anneal": True, "clip": 1.0}
    meta_train(learner, recipe.tasks, recipe.steps, seed=seed, progress=False, **options)
    return learner


def measure(name: str, learner: MetaLearner) -> dict[str, float]:
    tasks = RECIPES[name].tasks
    if isinstance(learner, RL2) and isinstance(tasks, Bandits):
        games = tasks.sample(GAMES, torch.Generator().manual_seed(1))
        paid = games.support.y.gather(-1, learner.pulls(games)[..., None]).sum((1, 2))
        return {"paid": paid.mean().item(), "interval": 1.96 * paid.std().item() / GAMES**0.5}
    new, seen = (evaluate(learner, each, metric=mse, episodes=TASKS, seed=1) for each in (REGRESSIONS, tasks))
    return {"new": new.mean, "interval": new.interval, "seen": seen.mean}


def make(name: str) -> None:
    learner = train(name, seed=0)
    path = NEIGHBORS / f"{file_name(name)}.npz"
    recipe = RECIPES[name]
    about: dict[str, Any] = {"training": f"{recipe.tasks.protocol}, {recipe.steps:,} steps of {recipe.meta_batch}"}
    about |= {"seed": 0, "seconds": round(learner.trained_seconds or 0)}
    save_neighbor(path, name, learner, about)
    about["measured"] = measure(name, pretrained_neighbor(name))  # as it ships, in float16
    save_neighbor(path, name, learner, about)
    print(f"{name}: {about['measured']}; {path.stat().st_size / 1000:.0f} KB", flush=True)
    note(name, 0, about["measured"])


def over_seeds(name: str, seeds: list[int]) -> None:
    for seed in seeds:
        learner = train(name, seed)
        with tempfile.TemporaryDirectory() as folder:
            about = {"seconds": round(learner.trained_seconds or 0)}
            save_neighbor(Path(folder) / f"{file_name(name)}.npz", name, learner, about)
            measured = measure(name, pretrained_neighbor(name, Path(folder)))
        print(f"{name}, seed {seed}: {measured}", flush=True)
        note(name, seed, measured)


def note(name: str, seed: int, measured: dict[str, float]) -> None:
    """One row more in the file of results, or another in its place."""
    try:
        known = results(FILE)["rows"]
    except CourseError:
        known = []
    rows = [row for row in known if (row["name"], row["seed"]) != (name, seed)]
    rows.append({"name": name, "seed": seed, **measured})
    save(FILE, sorted(rows, key=lambda row: (list(RECIPES).index(row["name"]), row["seed"])))


def check(name: str) -> bool:
    """Whether the shipped weights reproduce their stored measure, within its interval."""
    learner = pretrained_neighbor(name)
    measured, stored = measure(name, learner), learner.about["measured"]
    key = "paid" if "paid" in stored else "new"
    holds = abs(measured[key] - stored[key]) <= stored["interval"]
    verdict = "reproduced" if holds else "NOT REPRODUCED"
    print(f"{name}: {measured[key]:.4f}, stored {stored[key]:.4f} ± {stored['interval']:.4f}: {verdict}")
    return holds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(RECIPES)}; all by default")
    parser.add_argument("--check", action="store_true", help="train nothing, measure what ships")
    parser.add_argument("--seeds", type=int, nargs="+", help="train from these, write measures and no weights")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = options.names or list(RECIPES)
    if options.check:
        if False in [check(name) for name in names]:
            raise SystemExit(1)
        return
    for name in names:
        over_seeds(name, options.seeds) if options.seeds else make(name)


if __name__ == "__main__":
    main()

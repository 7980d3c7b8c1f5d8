"""Make the weights that ship with the course, from seed 0; or measure those that ship again.

python tools/weights.py [METHOD ...] [--source omniglot]      train, measure, write
python tools/weights.py --check [METHOD ...]                  load, measure, compare with what is stored
python tools/weights.py --seeds 1 2 [METHOD ...]              train from other seeds, measure, write accuracies only
python tools/weights.py --checkpoints FOLDER ...              keep half-trained learners there, and go on with them

The last one writes benchmarks/results/weights_SOURCE.json, one row for each method and seed, those of the shipped
weights included, and keeps the rows that are already there. Readers look through the shipped embedding.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import torch

from metalearn_course import Characters, Episodes, Evaluation, MetaLearner, __version__, characters, evaluate
from metalearn_course._common.environment import repository
from metalearn_course.authoring.results import save
from metalearn_course.classroom import results
from metalearn_course.trained.meta_learners import RECIPES, WEIGHTS, pretrained, save_weights, shared_embedding
from metalearn_course.training import meta_train

SEED = 0


def measure(meta_learner: MetaLearner, data: Characters) -> Evaluation:
    return evaluate(meta_learner, Episodes(data, ways=5, shots=1, queries=15, split="test"), episodes=600, seed=1)


def train(name: str, data: Characters, seed: int = SEED, checkpoints: Path | None = None) -> MetaLearner:
    recipe = RECIPES[name]
    embedding = shared_embedding(data) if recipe.reads else torch.nn.Identity()
    seen = data.embedded(embedding) if recipe.reads else data
    torch.set_num_threads(1 if recipe.reads else torch.get_num_threads())
    torch.manual_seed(seed)
    meta_learner = recipe.make(data, embedding)
    options = {"meta_batch": recipe.meta_batch, "lr": recipe.lr, "anneal": True, "seed": seed}
    if checkpoints:
        options["checkpoint"] = checkpoints / f"{data.source}_{name.replace(' ', '_')}_{seed}.pt"
    meta_train(meta_learner, recipe.episodes(seen), recipe.steps, progress=False, **options)
    return meta_learner


def make(name: str, data: Characters, checkpoints: Path | None = None) -> None:
    recipe, meta_learner = RECIPES[name], train(name, data, checkpoints=checkpoints)
    path = WEIGHTS / data.source / f"{name.replace(' ', '_')}.npz"
    about = {
        "package": __version__,
        "source": data.source,
        "training": f"{recipe.episodes(data).protocol}, {recipe.steps:,} steps of {recipe.meta_batch}",
        "seed": SEED,
        "seconds": round(meta_learner.trained_seconds or 0),
    }
    save_weights(path, name, meta_learner, about)
    result = measure(pretrained(name, data), data)  # as it ships, in float16
    about["accuracy"] = {"mean": result.mean, "interval": result.interval, "protocol": result.protocol}
    save_weights(path, name, meta_learner, about)
    print(f"{name}: {result}; {path.stat().st_size / 1000:.0f} KB", flush=True)


def over_seeds(name: str, data: Characters, seeds: list[int], checkpoints: Path | None = None) -> None:
    """Train from every seed, measure as the weights would ship, and note the accuracies beside the shipped ones."""
    file = f"weights_{data.source}"
    for seed in seeds:
        trained = train(name, data, seed, checkpoints)
        with tempfile.TemporaryDirectory() as folder:
            weights = Path(shutil.copytree(WEIGHTS / data.source, Path(folder) / data.source))
            about = {"seconds": round(trained.trained_seconds or 0)}
            save_weights(weights / f"{name.replace(' ', '_')}.npz", name, trained, about)
            result = measure(pretrained(name, data, Path(folder)), data)
        print(f"{name}, seed {seed}: {result}", flush=True)
        shipped = pretrained(name, data).about["accuracy"]
        known = results(file)["rows"] if (repository() / "benchmarks" / "results" / f"{file}.json").exists() else []
        rows = [row for row in known if row["name"] != name or row["seed"] not in (SEED, seed)]
        for number, mean, interval in (
            (SEED, shipped["mean"], shipped["interval"]),
            (seed, result.mean, result.interval),
        ):
            rows.append({"name": name, "seed": number, "mean": mean, "interval": interval})
        save(file, sorted(rows, key=lambda row: (list(RECIPES).index(row["name"]), row["seed"])))


def check(name: str, data: Characters) -> bool:
    """Whether the shipped weights reproduce their stored accuracy, within its interval."""
    meta_learner = pretrained(name, data)
    result, stored = measure(meta_learner, data), meta_learner.about["accuracy"]
    holds = abs(result.mean - stored["mean"]) <= stored["interval"]
    verdict = "reproduced" if holds else "NOT REPRODUCED"
    print(f"{data.source} {name}: {result.mean:.3f}, stored {stored['mean']:.3f} ± {stored['interval']:.3f}: {verdict}")
    return holds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", help=f"of {', '.join(RECIPES)}; all by default")
    parser.add_argument("--source", choices=("omniglot", "glyphs"), default="omniglot")
    parser.add_argument("--check", action="store_true", help="train nothing, measure what ships")
    parser.add_argument("--seeds", type=int, nargs="+", help="train from these, write accuracies and no weights")
    parser.add_argument("--checkpoints", type=Path, help="a folder for half-trained learners, to go on with")
    options = parser.parse_args()
    if options.checkpoints:
        options.checkpoints.mkdir(parents=True, exist_ok=True)
    data = characters(options.source)
    if options.seeds:
        for name in options.methods or RECIPES:
            over_seeds(name, data, options.seeds, options.checkpoints)
        return
    if not options.check:
        for name in options.methods or RECIPES:
            make(name, data, options.checkpoints)
    elif False in [check(name, data) for name in options.methods or RECIPES]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

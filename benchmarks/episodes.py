"""Were the episodes worth it? What an encoder learns from the same batches, with support and query sets and without.

Every method trains the lesson's encoder on the same batches, those of 60-way episodes with three drawings a class, from
the same seeds and for as many steps:

- "episodes": a prototypical network. One drawing of each class is the support set, two are queries.
- "all pairs": the same softmax over minus squared distances, without support and query. Every drawing of a batch looks
  at all the others, and those of its class count as right (neighborhood component analysis, as in Laenen and
  Bertinetto, 2021, On episodes, prototypical networks, and few-shot learning, arXiv:2012.09831, section 2).
- "classifier": a linear layer that names all classes, thrown away afterwards; the mean of a class by cosine.

Tested on the same 600 test tasks, 5-way 1-shot: accuracies, and paired differences to "episodes". Before that, the
shipped weights of Matching and Prototypical on six draws of 600 tasks.

    python benchmarks/episodes.py [--source omniglot] [--steps 400] [--seeds 3]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from metalearn_course import (
    Characters,
    Episodes,
    FineTuned,
    MetaLearner,
    Prototypical,
    Task,
    characters,
    compare,
    meta_train,
    pretrained,
)
from metalearn_course.authoring.results import save
from metalearn_course.evaluation.compare import Row
from metalearn_course.meta_learners.nearest_neighbor import squared_distances
from metalearn_course.trained.meta_learners import RECIPES

DRAWS = range(1, 7)


class AllPairs(Prototypical):
    """Prototypes at the test; in training every example of an episode is compared with all the others."""

    def objective(self, task: Task) -> Tensor:
        """Minus the logarithm of the attention that an example pays to those of its class, on average."""
        x, y = (torch.cat(pair) for pair in zip(task.support, task.query, strict=True))
        itself = torch.eye(len(y), dtype=torch.bool)
        attention = (-squared_distances(x, x)).masked_fill(itself, -torch.inf).log_softmax(-1)
        right = (y[:, None] == y) & ~itself
        return -attention.masked_fill(~right, -torch.inf).logsumexp(-1).mean()


def _as_shipped(name: str) -> Callable[[Characters], MetaLearner]:
    return lambda data: RECIPES[name].make(data, torch.nn.Identity())


METHODS: dict[str, Callable[[Characters], MetaLearner]] = {
    "episodes": _as_shipped("prototypical"),
    "all pairs": lambda data: AllPairs(cast(Prototypical, _as_shipped("prototypical")(data)).encoder),
    "classifier": _as_shipped("classification"),
}


def train(name: str, data: Characters, steps: int, seed: int) -> MetaLearner:
    """One method, as its shipped weights are trained, but for `steps` steps; the classifier's head is thrown away."""
    recipe = RECIPES["prototypical"]
    torch.manual_seed(seed)
    method, episodes = METHODS[name](data), recipe.episodes(data)
    meta_train(method, episodes, steps, meta_batch=1, lr=recipe.lr, anneal=True, seed=seed, progress=False)
    return Prototypical(method.encoder, distance="cosine") if isinstance(method, FineTuned) else method


def told(row: Row) -> dict[str, Any]:
    """A row's numbers, for the file."""
    return {
        "accuracy": row.result.mean,
        "interval": row.result.interval,
        "difference": row.difference or (0.0, 0.0),
        "protocol": row.result.protocol,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", choices=("omniglot", "glyphs"), default="omniglot")
    parser.add_argument("--steps", type=int, nargs="*", default=[400])
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = characters(options.source)
    test, rows = Episodes(data, ways=5, shots=1, queries=5, split="test"), {}
    file = "episodes" if options.source == "omniglot" else f"episodes_{options.source}"
    shipped = {name: pretrained(name, data) for name in ("matching", "prototypical")}
    gaps = []
    for draw in DRAWS:
        row = compare(shipped, test, against="prototypical", seed=draw)[0]
        rows[f"shipped, draw {draw}, matching minus prototypical"] = told(row)
        gaps.append(row.difference[0] if row.difference else 0.0)
        print(f"draw {draw}: matching {row.result.mean:.4f}, minus prototypical {row.difference}", flush=True)
    half = 1.96 * torch.tensor(gaps).std().item() / len(gaps) ** 0.5
    print(f"over the draws: {100 * sum(gaps) / len(gaps):+.2f} ± {100 * half:.2f} points", flush=True)
    save(file, rows)
    for steps in options.steps:
        for seed in range(options.seeds):
            trained = {name: train(name, data, steps, seed) for name in METHODS}
            for row in compare(trained, test, against="episodes", seed=1):
                rows[f"{steps} steps, seed {seed}, {row.name}"] = told(row)
                gap, half = row.difference or (0.0, 0.0)
                print(
                    f"{steps} steps, seed {seed}, {row.name}: {row.result.mean:.3f} ± {row.result.interval:.3f}, "
                    f"minus episodes {100 * gap:+.1f} ± {100 * half:.1f} points",
                    flush=True,
                )
            save(file, rows)


if __name__ == "__main__":
    main()

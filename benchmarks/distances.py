"""Does the prototypes' distance matter? The same network, episodes and seeds; 5-way 1-shot on the test classes.

Squared, unsquared, and cosine with scale 10 and 1; a shorter and a longer training, three seeds.

    python benchmarks/distances.py [--source omniglot] [--steps 150 900] [--seeds 3]
"""

from __future__ import annotations

import argparse

import torch

from metalearn_course import Episodes, Prototypical, characters, conv_strided, evaluate, meta_train
from metalearn_course.authoring.results import save

KINDS = {
    "squared": {"distance": "squared"},
    "unsquared": {"distance": "euclidean"},
    "cosine, s = 10": {"distance": "cosine", "scale": 10.0},
    "cosine, s = 1": {"distance": "cosine", "scale": 1.0},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", choices=("omniglot", "glyphs"), default="omniglot")
    parser.add_argument("--steps", type=int, nargs="*", default=[150, 900])
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    data = characters(options.source)
    training = Episodes(data, ways=60, shots=1, queries=2, split="train")
    test = Episodes(data, ways=5, shots=1, queries=15, split="test")
    rows: dict[str, list[float]] = {}
    for steps in options.steps:
        for name, kind in KINDS.items():
            accuracies = rows[f"{name}, {steps} steps"] = []
            for seed in range(options.seeds):
                torch.manual_seed(seed)
                method = Prototypical(conv_strided(64, norm="running"), **kind)  # type: ignore[arg-type]
                meta_train(method, training, steps, meta_batch=1, lr=2e-3, anneal=True, seed=seed, progress=False)
                accuracies.append(evaluate(method, test).mean)
            print(f"{name}, {steps} steps: {', '.join(f'{a:.3f}' for a in accuracies)}", flush=True)
    save(f"distances_{options.source}", rows)


if __name__ == "__main__":
    main()

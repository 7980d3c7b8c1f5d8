"""The learners that read, on frozen embeddings of the prototypical network: accuracy by instance, over three seeds.

Each is trained as its shipped weights were (`trained/meta_learners.py`), on one thread. Printed are the accuracy on
examples of a class seen once before along sequences of 15 (three of each of five classes), the accuracy of 5-way 1-shot
queries, and the loss in ten stretches of the training, ln 5 = 1.609 being a guess.

    python benchmarks/readers.py [lstm] [snail] [memory] [--source omniglot] [--seeds 3]
"""

from __future__ import annotations

import argparse
from typing import cast

import torch

from metalearn_course import Episodes, Reader, characters, evaluate, instance_accuracy, meta_train
from metalearn_course.authoring.results import save
from metalearn_course.trained.meta_learners import RECIPES, shared_embedding


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", default=["lstm", "snail", "memory"])
    parser.add_argument("--source", choices=("omniglot", "glyphs"), default="omniglot")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = characters(options.source)
    embedding = shared_embedding(data)
    seen = data.embedded(embedding)
    sequences, queries = Episodes(seen, 5, 3, 1, split="test"), Episodes(seen, 5, 1, 15, split="test")
    rows: dict[str, dict[str, object]] = {}
    for name in options.methods:
        recipe = RECIPES[name]
        for seed in range(options.seeds):
            torch.manual_seed(seed)
            reader = cast(Reader, recipe.make(data, embedding))
            history = meta_train(
                reader,
                recipe.episodes(seen),
                recipe.steps,
                meta_batch=recipe.meta_batch,
                lr=recipe.lr,
                anneal=True,
                seed=seed,
                progress=False,
            )
            by_instance, one_shot = instance_accuracy(reader, sequences), evaluate(reader, queries)
            tenths = [part.mean().item() for part in torch.tensor(history.losses).tensor_split(10)]
            rows[f"{name}, seed {seed}"] = {
                "seconds": history.seconds,
                "by instance": by_instance.mean,
                "5-way 1-shot": one_shot.mean,
                "loss in tenths": tenths,
            }
            print(
                f"{name}, seed {seed}, {history.seconds:.0f} s: second instance {by_instance.mean[1]:.3f} ± "
                f"{by_instance.interval[1]:.3f}, 5-way 1-shot {one_shot.mean:.3f} ± {one_shot.interval:.3f}; loss "
                + " ".join(f"{part:.2f}" for part in tenths),
                flush=True,
            )
    save(f"readers_{options.source}", rows)


if __name__ == "__main__":
    main()

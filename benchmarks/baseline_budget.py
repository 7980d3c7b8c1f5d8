"""Lesson 03's comparison, episodes against plain classification, when the classifier is given more training.

800 steps take about the seconds of the episodic model, 2,000 steps show about as many images (320,000). The same
network, 5-way 1-shot on the test split, three seeds.

    python benchmarks/baseline_budget.py [--source omniglot]
"""

from __future__ import annotations

import argparse

import torch
import torch.nn.functional as F
from torch import Tensor

from metalearn_course import Episodes, FineTuned, MetaLearner, NearestNeighbor, characters, evaluate, meta_train, mlp
from metalearn_course.authoring.results import save
from metalearn_course.tasks import Examples


class SoftNearest(MetaLearner):
    """The model that lesson 03 writes out."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = mlp(784, 256, 64)

    def embed(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def adapt(self, support: Examples) -> tuple[Tensor, Tensor]:
        return support.x, F.one_hot(support.y, self.ways).float()

    def predict(self, adapted: tuple[Tensor, Tensor], x: Tensor) -> Tensor:
        features, labels = adapted
        return -(x[:, None] - features[None]).square().sum(dim=-1) @ labels / labels.sum(dim=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", choices=("omniglot", "glyphs"), default="omniglot")
    data = characters(parser.parse_args().source)
    torch.set_num_threads(1)
    test = Episodes(data, ways=5, shots=1, queries=15, split="test")
    rows: dict[str, dict[str, float]] = {}
    for seed in range(3):
        row = rows[f"seed {seed}"] = {}
        torch.manual_seed(seed)
        episodic = SoftNearest()
        episodes = Episodes(data, ways=20, shots=1, queries=4, split="train")
        took = meta_train(episodic, episodes, 400, meta_batch=8, anneal=True, seed=seed, progress=False)
        row["episodes"], row["episodes, seconds"] = evaluate(episodic, test).mean, took.seconds
        for steps in (800, 2000):
            torch.manual_seed(seed)
            classifier = FineTuned(mlp(784, 256, 64), steps=10, lr=0.01, features=64, classes=len(data.images))
            images = Episodes(data, ways=40, shots=1, queries=3, split="train")
            took = meta_train(classifier, images, steps, meta_batch=1, lr=3e-3, anneal=True, seed=seed, progress=False)
            row[f"frozen features, {steps} steps"] = evaluate(NearestNeighbor(classifier.learner), test).mean
            row[f"fine-tuning, {steps} steps"] = evaluate(classifier, test, episodes=200).mean
            row[f"classifier, {steps} steps, seconds"] = took.seconds
        print(f"seed {seed}: " + ", ".join(f"{name} {value:.3f}" for name, value in row.items()), flush=True)
    save(f"baseline_budget_{data.source}", rows)


if __name__ == "__main__":
    main()

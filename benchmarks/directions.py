"""What a memory must see to come off ln 3: how many directions, which of them, and how large each of them is.

The recipe of lesson 05, "Why it sits at ln N": 16 slots, 3 ways, 10 steps a sequence, 200 steps of meta-training. Only
what the memory sees of an image changes. The mean over training images is subtracted from the prototypical network's 64
features, and they are turned to directions: principal components (those of most variance first) or random ones.
"whitened" gives every direction variance 1; otherwise all of them are multiplied by one number, which leaves their
proportions. "length" is the mean squared length of what is seen. "Mean kept" is nothing subtracted: of its mean squared
length, 63 on Omniglot, the mean makes up 48. Printed is the loss, mean over the last 20 steps; guessing costs ln 3.

    python benchmarks/directions.py [--source omniglot] [--seeds 3] [--steps 200]
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace

import torch
from torch import Tensor

from metalearn_course import Characters, Episodes, MemoryAugmented, characters, meta_train, pretrained
from metalearn_course.authoring.results import save


def seen(features: Tensor, train: Tensor, directions: str, count: int, whiten: bool, length: float) -> Tensor:
    """Features (classes, examples, 64) turned to `count` directions, with `length` as mean squared length in training.

    train: (n, 64), the features of training classes, from which means and variances are taken.
    """
    mean = train.mean(0)
    if directions == "leading":
        turn = torch.linalg.eigh(train.T.cov())[1].flip(1)[:, :count]
    else:
        noise = torch.randn(train.shape[1], count, generator=torch.Generator().manual_seed(0))
        turn = torch.linalg.qr(noise)[0]
    example, turned = (train - mean) @ turn, (features - mean) @ turn
    if whiten:
        example, turned = example / example.std(0), turned / example.std(0)
    return turned * math.sqrt(length / example.square().sum(-1).mean().item())


def final_loss(data: Characters, seed: int, steps: int) -> float:
    """The loss over the last 20 of `steps` steps of the lesson's recipe, on embedded characters."""
    assert data.features is not None
    torch.manual_seed(seed)
    reader = MemoryAugmented(data.features.shape[-1], ways=3, slots=16)
    reader.length = 10
    episodes = Episodes(data, ways=3, shots=9, queries=1)
    history = meta_train(reader, episodes, steps, meta_batch=64, lr=1.5e-2, seed=seed, progress=False)
    return sum(history.losses[-20:]) / len(history.losses[-20:])


SETTINGS = {  # directions, how many, whitened, mean squared length
    "mean subtracted: 16 leading, whitened, length 16 (ours)": ("leading", 16, True, 16.0),
    "mean subtracted: 16 leading, length 16": ("leading", 16, False, 16.0),
    "mean subtracted: 16 random, length 16": ("random", 16, False, 16.0),
    "mean subtracted: 64, whitened, length 64": ("leading", 64, True, 64.0),
    "mean subtracted: 64, whitened, length 16": ("leading", 64, True, 16.0),
    "mean subtracted: 64, length 64": ("leading", 64, False, 64.0),
    "mean subtracted: 64, length 16": ("leading", 64, False, 16.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", choices=("omniglot", "glyphs"), default="omniglot")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = characters(options.source)
    raw = data.embedded(pretrained("prototypical", data).get_submodule("encoder"))
    assert raw.features is not None
    train = raw.features[data.splits["train"]].flatten(0, 1)
    given = {name: replace(raw, features=seen(raw.features, train, *how)) for name, how in SETTINGS.items()}
    rows = {}
    for name, embedded in {**given, "mean kept: 64, as they come": raw}.items():
        rows[name] = [final_loss(embedded, seed, options.steps) for seed in range(options.seeds)]
        print(f"{name}: {', '.join(f'{loss:.3f}' for loss in rows[name])}", flush=True)
    save(f"directions_{options.source}", rows)


if __name__ == "__main__":
    main()

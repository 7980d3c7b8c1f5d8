"""A prototypical network after a minute: accuracy on Omniglot's random class split, and what a training step costs.

Three seeds, 600 episodes of 15 queries a class. The step is compared with the bare encoder's forward and backward pass
on the same images, for the lesson's encoder and for Conv4; and bfloat16 is tried where the processor computes in it.
`--seeds 0` measures the step alone, and saves nothing.

    python benchmarks/protonet.py [--source omniglot] [--split random] [--steps 2400] [--seeds 3]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import nn

from metalearn_course import Episodes, Prototypical, characters, conv4, conv_strided, evaluate, meta_train
from metalearn_course.authoring.results import save


def milliseconds(functions: dict[str, Callable[[], object]], repeats: int = 80) -> dict[str, float]:
    """The median time of each function, called in turn, so that a machine that changes its pace is fair to all."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for repeat in range(repeats):
        for name, function in functions.items():
            began = time.perf_counter()
            function()
            if repeat >= 5:
                times[name].append(time.perf_counter() - began)
    return {name: 1000 * statistics.median(taken) for name, taken in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", choices=("omniglot", "glyphs"), default="omniglot")
    parser.add_argument("--split", choices=("random", "alphabets"), default="random")
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    data = characters(options.source, split=options.split)
    training = Episodes(data, ways=60, shots=1, queries=2, split="train")
    torch.manual_seed(0)
    wide = Episodes(data, ways=40, shots=1, queries=4, split="train")
    rows: dict[str, dict[str, float]] = {
        "step": step_cost(training, conv_strided(64, norm="running"), "the lesson's encoder, 60-way"),
        "step, Conv4": step_cost(wide, conv4(None, norm="running"), "Conv4 of width 64, 40-way"),
    }
    if not options.seeds:
        return

    for seed in range(options.seeds):
        torch.manual_seed(seed)
        prototypical = Prototypical(conv_strided(64, norm="running"))
        history = meta_train(
            prototypical, training, options.steps, meta_batch=1, lr=2e-3, anneal=True, seed=seed, progress=False
        )
        row = rows[f"seed {seed}"] = {"seconds": history.seconds}
        for shots in (1, 5):
            result = evaluate(prototypical, Episodes(data, 5, shots, 15, split="test"))
            row[f"{shots}-shot"], row[f"{shots}-shot interval"] = result.mean, result.interval
            print(f"seed {seed}, {history.seconds:.0f} s: {result}", flush=True)
    save(f"protonet_{options.source}_{options.split}", rows)


def step_cost(training: Episodes, encoder: nn.Module, name: str) -> dict[str, float]:
    """Milliseconds of the meta-learner's step and of the encoder's, forward and backward, on the same images."""
    prototypical = Prototypical(encoder)
    tasks = training.sample(1, torch.Generator().manual_seed(0))
    images = torch.cat([tasks.support.x, tasks.query.x], dim=1).flatten(0, 1)

    def bare(bfloat16: bool = False) -> None:
        with torch.autocast("cpu", torch.bfloat16) if bfloat16 else nullcontext():
            loss = prototypical.encoder(images).sum()
        loss.backward()

    row = milliseconds({"step": lambda: prototypical(tasks).mean().backward(), "encoder": bare})
    row |= milliseconds({"encoder, bfloat16": lambda: bare(bfloat16=True)}, repeats=20)
    print(
        f"{name}, {len(images)} images: a training step {row['step']:.1f} ms; the bare encoder, forward and backward, "
        f"{row['encoder']:.1f} ms (ratio {row['step'] / row['encoder']:.2f}); under bfloat16 "
        f"{row['encoder, bfloat16']:.1f} ms",
        flush=True,
    )
    return row


if __name__ == "__main__":
    main()

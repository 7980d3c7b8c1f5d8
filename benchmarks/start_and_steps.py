"""Which half of Meta-SGD and of the Meta-LSTM does the work: the learned start, the learned steps, or neither.

For each shipped method four pairs are tested on 5-way 1-shot episodes: the learned start or one that nobody trained,
with the learned steps or with as many plain gradient steps. A plain rate is the best of six on episodes of validation
classes, chosen for each start by itself. The untrained start is drawn from seed 0.

    python benchmarks/start_and_steps.py [--seeds 2] [--source glyphs]
"""

from __future__ import annotations

import argparse

import torch

from metalearn_course import MAML, Characters, Episodes, MetaLearner, characters, conv4, evaluate, pretrained
from metalearn_course.authoring.results import save

RATES = (0.01, 0.03, 0.1, 0.2, 0.4, 0.8)
METHODS = ("Meta-SGD", "Meta-LSTM")


def accuracy(meta_learner: MetaLearner, data: Characters, split: str, episodes: int, seed: int) -> float:
    """On 5-way 1-shot episodes with 5 queries a class."""
    tasks = Episodes(data, ways=5, shots=1, queries=5, split=split)
    return evaluate(meta_learner.eval(), tasks, episodes=episodes, seed=seed).mean


def without_start(name: str, data: Characters) -> MetaLearner:
    """The shipped method, its start replaced by fresh weights."""
    method = pretrained(name.lower(), data)
    torch.manual_seed(0)
    method.learner.load_state_dict(conv4(5, width=32, norm="batch").state_dict())
    return method


def with_plain_steps(method: MetaLearner, data: Characters) -> MAML:
    """Its start, and as many gradient steps, at the best of RATES on validation classes."""
    plain = [MAML(method.learner, steps=method.steps, lr=rate) for rate in RATES]
    return max(plain, key=lambda each: accuracy(each, data, "validation", episodes=20, seed=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--source", choices=("omniglot", "glyphs"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = characters(options.source) if options.source else characters()
    rows: dict[str, dict[str, float | list[float]]] = {}
    for name in METHODS:
        whole, steps = pretrained(name.lower(), data), without_start(name, data)
        start, neither = with_plain_steps(whole, data), with_plain_steps(steps, data)
        row: dict[str, float | list[float]] = {
            "steps": whole.steps,
            "start, rate": start.lr,
            "neither, rate": neither.lr,
        }
        for part, method in {"whole": whole, "start": start, "steps": steps, "neither": neither}.items():
            row[part] = [accuracy(method, data, "test", 40, seed) for seed in range(1, 1 + options.seeds)]
            print(f"{name}, {part}: {', '.join(f'{found:.3f}' for found in row[part])}", flush=True)
        rows[name] = row
        print(f"{name}: plain rates {start.lr:g} and {neither.lr:g}", flush=True)
        save(f"start_and_steps_{data.source}", rows)


if __name__ == "__main__":
    main()

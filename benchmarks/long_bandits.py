"""What makes a long bandit learnable? RL^2 on ten arms and 50 pulls, with fading credit and more entropy, or without.

    python benchmarks/long_bandits.py [--seeds 0 1]

Written is what the pulled arms pay on average in 2,000 games; beside it, what they pay players that nobody trained.
"""

from __future__ import annotations

import argparse

import torch

from metalearn_course import RL2, Bandits, meta_train, studies
from metalearn_course.authoring.results import save

GAMES, STEPS = 2_000, 300
SETTINGS = {
    "neither": {"entropy": 0.02, "discount": 1.0},
    "fading credit": {"entropy": 0.02, "discount": 0.9},
    "more entropy": {"entropy": 0.1, "discount": 1.0},
    "both": {"entropy": 0.1, "discount": 0.9},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="of the trainings")
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    kind = Bandits(arms=10, pulls=50)
    games = kind.sample(GAMES, torch.Generator().manual_seed(7))

    def paid(pulled: torch.Tensor) -> float:
        return games.support.y.gather(-1, pulled[..., None]).sum((1, 2)).mean().item()

    ucb = studies.tuned_ucb(kind.sample(500, torch.Generator().manual_seed(8)))
    players = {"Bayes-greedy": studies.bayes_greedy, "UCB, tuned": ucb, "Thompson": studies.thompson}
    rows = {name: [paid(studies.pulls_of(player, games))] for name, player in players.items()}
    for name, setting in SETTINGS.items():
        for seed in seeds:
            torch.manual_seed(seed)
            player = RL2(arms=10, **setting)
            meta_train(player, kind, STEPS, meta_batch=256, lr=1e-2, anneal=True, clip=1.0, seed=seed, progress=False)
            rows.setdefault(name, []).append(paid(player.pulls(games)))
            print(f"{name}, seed {seed}: {rows[name][-1]:.2f}", flush=True)
    save("long_bandits", {name: {"paid": values} for name, values in rows.items()})


if __name__ == "__main__":
    main()

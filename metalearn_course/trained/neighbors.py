"""Learners of lesson 10 that come trained: regressions in context, and longer bandits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..meta_learners import RL2, InContext, MetaLearner
from ..tasks import Bandits, Regressions, TaskDistribution
from .archives import filled, read_archive, write_archive

NEIGHBORS_VERSION = 1
NEIGHBORS = Path(__file__).parent / "weights" / "neighbors"
DIVERSITY = (4, 16, 64, 256, 1024, None)  # how many different regressions were trained on; None is endlessly many
REGRESSIONS = Regressions(dimensions=4, shots=12, queries=8, noise=0.25)
_ADVICE = "Get the course's own files again, or make them: python tools/neighbors.py {name}"


@dataclass(frozen=True)
class Recipe:
    """How a learner is made, and trained: by Adam, annealed, its gradients clipped at a norm of 1.

    Args:
        make: the untrained learner.
        tasks: what it is trained on.
        steps: of meta-training.
        lr: Adam's rate.
        meta_batch: tasks a step.
    """

    make: Callable[[], MetaLearner]
    tasks: TaskDistribution
    steps: int
    lr: float
    meta_batch: int


def in_context_name(different: int | None) -> str:
    """Of the learner that was trained on so many different regressions."""
    return f"in-context {'endless' if different is None else different}"


RECIPES: dict[str, Recipe] = {
    in_context_name(different): Recipe(
        lambda: InContext(REGRESSIONS.dimensions), replace(REGRESSIONS, different=different), 6_000, 2e-3, 64
    )
    for different in DIVERSITY
} | {
    "bandits 2 x 20": Recipe(lambda: RL2(2, 32), Bandits(2, 20), 1_500, 1e-2, 512),
    "bandits 10 x 100": Recipe(lambda: RL2(10, 48, 0.1, 0.95), Bandits(10, 100), 2_000, 1e-2, 256),
}


def pretrained_neighbor(name: str, folder: Path = NEIGHBORS) -> MetaLearner:
    """A trained learner of lesson 10, in eval mode. Its `about` says how it was trained, and how well it did.

    Args:
        name: "in-context 4" (16, 64, 256, 1024, endless), "bandits 2 x 20" or "bandits 10 x 100".
        folder: where the weights lie; the course's own by default.

    Returns:
        The learner.

    Raises:
        ValueError: for another name, and for a damaged file.
        FileNotFoundError: if there are no such weights in the folder.
    """
    if name not in RECIPES:
        raise ValueError(f"name={name!r} is no trained learner; choose one of {', '.join(map(repr, RECIPES))}.")
    path = folder / f"{file_name(name)}.npz"
    if not path.exists():
        raise FileNotFoundError(f"No weights for {name!r} in {folder}. {_ADVICE.format(name=repr(name))}")
    archive = read_archive(path, NEIGHBORS_VERSION, _ADVICE.format(name=repr(name)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        learner = RECIPES[name].make()
    return filled(learner, name, archive, f"The weights of {name!r} do not fit it. {_ADVICE.format(name=repr(name))}")


def save_neighbor(path: Path, name: str, learner: MetaLearner, about: dict[str, Any]) -> None:
    """Write a learner's state in float16, and remarks about it as JSON, into one npz file.

    Args:
        path: the file.
        name: of the learner, among `RECIPES`.
        learner: what was trained.
        about: how it was trained, and how well it does.
    """
    write_archive(path, NEIGHBORS_VERSION, learner.state_dict(), {"name": name, **about})


def file_name(name: str) -> str:
    """Of the file that holds a learner's weights, without its ending."""
    return name.replace(" ", "_")

"""Meta-learners that come trained: how each was trained, and its weights, which ship with the course."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from ..learners import Frozen, conv4, conv_strided, whitened
from ..meta_learners import (
    ANIL,
    MAML,
    SNAIL,
    FineTuned,
    ImplicitMAML,
    LSTMReader,
    Matching,
    MemoryAugmented,
    MetaLearner,
    MetaLSTM,
    MetaNetworks,
    MetaSGD,
    Prototypical,
    Relation,
    Reptile,
    Siamese,
    ZeroHeadMAML,
)
from ..tasks import Characters, Episodes
from ..tasks.characters import as_input
from .archives import Archive, filled, read_archive, write_archive

WEIGHTS_VERSION = 1
WEIGHTS = Path(__file__).parent / "weights"
_FEATURES, _SEEN = 64, 16  # what encoders make of an image, and what readers see of it
_ADVICE = "Get the course's own files again, or make them: python tools/weights.py {name}"


@dataclass(frozen=True)
class Recipe:
    """How a method is made, and trained: by Adam, annealed, on episodes of the training classes.

    Args:
        make: (characters, embedding) -> the untrained method.
        ways: of the training episodes; shots and queries likewise.
        shots: see `ways`.
        queries: see `ways`.
        steps: of meta-training.
        lr: Adam's rate.
        meta_batch: episodes a step.
        reads: whether the method is made around the frozen `shared_embedding`, and trained on its features.
        elsewhere: how the names of parameters begin that are left out of the file, since they serve training only.
        test_steps: inner steps once trained, where that is another number than in training.
    """

    make: Callable[[Characters, nn.Module], MetaLearner]
    ways: int
    shots: int
    queries: int
    steps: int
    lr: float = 2e-3
    meta_batch: int = 1
    reads: bool = False
    elsewhere: tuple[str, ...] = ()
    test_steps: int | None = None

    def episodes(self, characters: Characters) -> Episodes:
        """What the method is trained on."""
        return Episodes(characters, self.ways, self.shots, self.queries, split="train")


def _encoder() -> nn.Module:
    return conv_strided(_FEATURES, norm="running")


def _small(norm: str = "batch") -> nn.Module:
    return conv4(5, width=32, norm=norm)


def _classifier(characters: Characters, _: nn.Module) -> FineTuned:
    classes = len(characters.images)
    return FineTuned(nn.Identity(), steps=10, lr=0.01, features=_FEATURES, classes=classes, encoder=_encoder())


RECIPES: dict[str, Recipe] = {
    "classification": Recipe(_classifier, 60, 1, 2, steps=2500, elsewhere=("head.",)),
    "siamese": Recipe(lambda data, _: Siamese(_encoder(), _FEATURES), 60, 1, 2, steps=2500),
    "matching": Recipe(lambda data, _: Matching(_encoder()), 60, 1, 2, steps=2500),
    "prototypical": Recipe(lambda data, _: Prototypical(_encoder()), 60, 1, 2, steps=2500),
    "relation": Recipe(lambda data, _: Relation(conv_strided(None, norm="running")), 10, 1, 4, steps=1700, lr=3e-3),
    "lstm": Recipe(
        lambda data, seen: LSTMReader(_SEEN, 5, embedding=seen), 5, 3, 1, 1150, 1.5e-2, meta_batch=128, reads=True
    ),
    "memory": Recipe(
        lambda data, seen: MemoryAugmented(_SEEN, 5, embedding=seen), 5, 3, 1, 1500, 1e-2, meta_batch=64, reads=True
    ),
    "snail": Recipe(lambda data, seen: SNAIL(_SEEN, 5, embedding=seen), 5, 3, 1, 1500, 5e-3, meta_batch=64, reads=True),
    "meta networks": Recipe(
        lambda data, seen: MetaNetworks(_SEEN, 5, embedding=seen), 5, 1, 3, 600, 3e-3, meta_batch=32, reads=True
    ),
    "maml": Recipe(
        lambda data, _: MAML(conv4(5, norm="batch"), lr=0.4), 5, 1, 5, 2500, 3e-3, meta_batch=8, test_steps=3
    ),
    "first-order maml": Recipe(
        lambda data, _: MAML(_small(), steps=3, lr=0.1, first_order=True), 5, 1, 5, 800, 3e-3, meta_batch=4
    ),
    "zero-head maml": Recipe(lambda data, _: ZeroHeadMAML(_small("group"), lr=0.4), 5, 1, 5, 1500, 3e-3, meta_batch=4),
    "anil": Recipe(lambda data, _: ANIL(_small("group"), lr=0.4), 5, 1, 5, 1500, 3e-3, meta_batch=4),
    "reptile": Recipe(lambda data, _: Reptile(_small(), steps=8, lr=0.1, batch=10), 5, 10, 1, 800, 3e-3, meta_batch=4),
    "implicit maml": Recipe(
        lambda data, _: ImplicitMAML(_small(), steps=8, lr=0.2, proximal_weight=0.5), 5, 1, 5, 500, 3e-3, meta_batch=4
    ),
    "meta-sgd": Recipe(lambda data, _: MetaSGD(_small(), lr=0.1), 5, 1, 5, 1500, 3e-3, meta_batch=4),
    "meta-lstm": Recipe(lambda data, _: MetaLSTM(_small(), steps=3, lr=0.1), 5, 1, 5, 800, 3e-3, meta_batch=4),
}


def shared_embedding(characters: Characters) -> nn.Module:
    """What the readers see: the prototypical network's embedding, as 16 whitened principal components."""
    encoder = pretrained("prototypical", characters).get_submodule("encoder")
    images = characters.images[characters.splits["train"], ::4].flatten(0, 1)
    return whitened(encoder, as_input(images), _SEEN)


def pretrained(name: str, characters: Characters, folder: Path = WEIGHTS) -> MetaLearner:
    """A trained meta-learner of the course, in eval mode.

    Its `about` says how it was trained, and how well it did on the test classes when it was made.

    Args:
        name: of the method, such as "maml" or "prototypical".
        characters: Omniglot or glyphs, split by alphabets.
        folder: where the weights lie; the course's own by default.

    Returns:
        The meta-learner.

    Raises:
        ValueError: for another name, characters that are split otherwise, and a damaged file.
        FileNotFoundError: if there are no weights for these characters.
    """
    if name not in RECIPES:
        raise ValueError(f"name={name!r} is no trained method; choose one of {', '.join(map(repr, RECIPES))}.")
    if characters.split != "alphabets":
        raise ValueError(
            f"The weights were trained on whole alphabets; these characters are split {characters.split!r}, so that "
            f"test classes would have been seen. Use characters(split='alphabets')."
        )
    archive = _read(folder / characters.source / f"{name.replace(' ', '_')}.npz")
    recipe = RECIPES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        embedding = nn.Sequential(Frozen(_encoder()), Frozen(nn.Linear(_FEATURES, _SEEN)))
        if recipe.reads:
            embedding[0] = Frozen(pretrained("prototypical", characters, folder).get_submodule("encoder"))
        meta_learner = recipe.make(characters, embedding)
    if recipe.test_steps is not None:
        cast(MAML, meta_learner).steps = recipe.test_steps
    own = [k for k in meta_learner.state_dict() if not k.startswith(_elsewhere(recipe))]
    misfit = f"The weights of {name!r} do not fit the method of that name. {_ADVICE.format(name=name)}"
    return filled(meta_learner, name, archive, misfit, own)


def save_weights(path: Path, name: str, meta_learner: MetaLearner, about: dict[str, Any]) -> None:
    """Write a meta-learner's own state in float16, and remarks about it as JSON, into one npz file.

    Args:
        path: the file.
        name: of the method, among `RECIPES`.
        meta_learner: what was trained.
        about: how it was trained, and how well it does.
    """
    elsewhere = _elsewhere(RECIPES[name])
    state = {k: v for k, v in meta_learner.state_dict().items() if not k.startswith(elsewhere)}
    write_archive(path, WEIGHTS_VERSION, state, {"name": name, **about})


def _elsewhere(recipe: Recipe) -> tuple[str, ...]:
    return (*recipe.elsewhere, "embedding.module.0.")


def _read(path: Path) -> Archive:
    """The arrays, as float32 tensors, and the `about` of a weights file."""
    name = path.stem
    if not path.exists():
        raise FileNotFoundError(
            f"No weights for {name!r} on {path.parent.name!r} characters. {_ADVICE.format(name=name)}"
        )
    return read_archive(path, WEIGHTS_VERSION, _ADVICE.format(name=name))

"""Meta-learners of any kind as files: what was learned, what they were made with, and what they were trained on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from .._common.files import write_aside
from .._common.options import options
from ..meta_learners import MetaLearner
from .archives import read_archive

SAVED_VERSION = 1
_ADVICE = "Write it anew with save_meta_learner."
Method = TypeVar("Method", bound=MetaLearner)


def save_meta_learner(path: str | os.PathLike[str], meta_learner: MetaLearner, trained_on: str) -> None:
    """Write a meta-learner, the course's or your own, into one npz file: its state in float32, its class and options.

    Args:
        path: the file; what is there is replaced.
        meta_learner: what was trained.
        trained_on: in words, on which tasks.

    Raises:
        TypeError: for what is no meta-learner.
        ValueError: without words in `trained_on`, and for numbers that are not finite.
        OSError: if the file cannot be written.
    """
    kind = type(meta_learner).__name__
    if not isinstance(meta_learner, MetaLearner):
        raise TypeError(f"{kind} is no meta-learner; for an update rule, use save_rule.")
    if not (isinstance(trained_on, str) and trained_on.strip()):
        raise ValueError(f"trained_on={trained_on!r}; say in words on which tasks it was trained.")
    state = {name: v.detach().cpu() for name, v in meta_learner.state_dict().items()}
    state = {name: v.float() if v.is_floating_point() else v for name, v in state.items()}
    if broken := [name for name, v in state.items() if not v.isfinite().all()]:
        raise ValueError(f"{broken[0]} of this {kind} holds numbers that are not finite in float32.")
    words = {"version": SAVED_VERSION, "kind": kind, "options": _made_with(meta_learner), "trained_on": trained_on}
    words |= {"seconds": meta_learner.trained_seconds}
    arrays = {f"state.{name}": v.numpy() for name, v in state.items()}
    write_aside(Path(path), lambda file: np.savez_compressed(file, about=np.array(json.dumps(words)), **arrays))


def load_meta_learner(path: str | os.PathLike[str], into: Method) -> Method:
    """Put what `save_meta_learner` wrote into a meta-learner made in the same way. Nothing is unpickled.

    Args:
        path: the file.
        into: of the same class, made with the same options; to go on with others, change them afterwards.

    Returns:
        `into`, in eval mode; its `about` says what it was trained on.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for a damaged one, and for a meta-learner of another class, options or shapes.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Write one with save_meta_learner.")
    arrays, about = read_archive(path, SAVED_VERSION, _ADVICE)
    state = {name.removeprefix("state."): v for name, v in arrays.items()}
    if type(into).__name__ != about.get("kind"):
        raise ValueError(f"{path.name} holds a {about.get('kind')}; it was to go into a {type(into).__name__}.")
    mine, saved = _made_with(into), dict(about["options"])
    if others := [name for name in {**saved, **mine} if saved.get(name) != mine.get(name)]:
        raise ValueError(
            f"{path.name} was made with {others[0]} = {saved.get(others[0])!r}; this {type(into).__name__} has "
            f"{mine.get(others[0])!r}. Make it the same way; what is to be different can be changed after loading."
        )
    shapes, fits = ({name: tuple(v.shape) for name, v in each.items()} for each in (state, into.state_dict()))
    if others := [name for name in {**shapes, **fits} if shapes.get(name) != fits.get(name)]:
        has, want = (each.get(others[0], "missing") for each in (shapes, fits))
        raise ValueError(f"{others[0]} is {has} in {path.name} and {want} in this {type(into).__name__}.")
    if broken := [name for name, v in state.items() if not torch.isfinite(v).all()]:
        raise ValueError(f"{broken[0]} in {path.name} holds numbers that are not finite. {_ADVICE}")
    into.load_state_dict(state)
    into.trained_seconds, into.about = about["seconds"], about
    return into.eval()


def _made_with(meta_learner: MetaLearner) -> dict[str, Any]:
    """Its options as JSON gives them back, without the notes that are written on it."""
    made = {k: v for k, v in options(meta_learner).items() if k.rpartition(".")[2] != "trained_seconds"}
    return json.loads(json.dumps(made))


__all__ = ["load_meta_learner", "save_meta_learner"]

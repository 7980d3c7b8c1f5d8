"""The files that learned numbers are kept in: npz, with words about them."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..meta_learners import MetaLearner

Method = TypeVar("Method", bound=MetaLearner)
Archive = tuple[dict[str, Tensor], dict[str, Any]]  # numbers by name, and what is said about them


def read_archive(path: Path, version: int, advice: str) -> Archive:
    """Read an npz file of weights. Nothing is unpickled.

    Args:
        path: the file.
        version: that the reader knows.
        advice: what to do about a bad file, the last sentence of the message.

    Returns:
        The arrays as tensors, floats in float32, and what the file says about them.

    Raises:
        ValueError: if the file is damaged or has another version.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            about = dict(json.loads(str(file["about"])))
            arrays = {k: torch.from_numpy(file[k]) for k in file.files if k != "about"}
    except Exception as error:  # zipfile, zlib, numpy and json have an error of their own for every kind of damage
        raise ValueError(f"{path.name} is damaged ({type(error).__name__}). {advice}") from None
    if about.get("version") != version:
        raise ValueError(
            f"{path.name} has version {about.get('version')}; this course reads version {version}. {advice}"
        )
    return {k: v.float() if v.is_floating_point() else v for k, v in arrays.items()}, about


def write_archive(path: Path, version: int, state: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write weights that ship, floats in float16, and what is said about them, into one npz file.

    Args:
        path: the file; folders that it lies in are made.
        version: that `read_archive` will ask for.
        state: the numbers by name.
        about: words and numbers, as JSON has them.
    """
    arrays: dict[str, Any] = {k: v.half().numpy() if v.is_floating_point() else v.numpy() for k, v in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, about=np.array(json.dumps({"version": version, **about}, sort_keys=True)), **arrays)


def filled(
    learner: Method,
    name: str,
    archive: Archive,
    misfit: str,
    own: Collection[str] = (),
) -> Method:
    """A learner with the weights of an archive, in eval mode; untrained where METALEARN_ABLATE switches training off.

    Args:
        learner: as it was made for training.
        name: of it, for the line that says that it stays untrained.
        archive: what `read_archive` found.
        misfit: the message where the weights are of other names or shapes.
        own: names of what the archive has to hold; all of the learner's state by default.

    Returns:
        The learner.

    Raises:
        ValueError: with `misfit`.
    """
    arrays, about = archive
    wanted = {k: v.shape for k, v in learner.state_dict().items() if not own or k in own}
    if wanted != {k: v.shape for k, v in arrays.items()}:
        raise ValueError(misfit)
    if os.environ.get("METALEARN_ABLATE") == "1":
        print(f"{name}: untrained (training is switched off by METALEARN_ABLATE)")
        return learner.eval()
    learner.load_state_dict(arrays, strict=False)
    learner.trained_seconds, learner.about = about["seconds"], about
    return learner.eval()


__all__ = ["filled", "read_archive", "write_archive"]

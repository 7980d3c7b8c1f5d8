"""The files that learned numbers are kept in: npz, with words about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


def read_archive(path: Path, version: int, advice: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
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


__all__ = ["read_archive"]

"""Options: what a rule, an estimator or a meta-learner was constructed with, besides phi."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn


def options(made: Any, name: str = "") -> dict[str, Any]:
    """The options of a rule, an estimator or a meta-learner, in plain Python.

    These are public numbers and words, and buffers that are in no state_dict; those of modules within as well, except
    torch's own. What a gradient trains is phi, and not among them.

    Args:
        made: the object.
        name: a prefix of every name.

    Returns:
        Name of the option -> value.
    """
    found = {}
    for owner, part in made.named_modules(prefix=name) if isinstance(made, nn.Module) else [(name, made)]:
        if type(part).__module__.startswith("torch."):
            continue
        values = dict(getattr(part, "__dict__", {}))
        if isinstance(part, nn.Module):
            values |= {k: b for k, b in part.named_buffers(recurse=False) if k in part._non_persistent_buffers_set}
        for key, value in values.items():
            if key.startswith("_") or key == "training":
                continue
            key = f"{owner}.{key}" if owner else key
            if isinstance(value, (np.generic, Tensor)) and not getattr(value, "requires_grad", False):
                found[key] = value.tolist()
            elif isinstance(value, (bool, int, float, str)):
                found[key] = value
    return found

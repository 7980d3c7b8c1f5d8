"""Trees of tensors: dicts, tuples and lists that hold tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map


def detached(tree: Any) -> Any:
    """The same tree, its tensors cut off from how they were computed."""
    return tree_map(lambda t: t.detach() if isinstance(t, Tensor) else t, tree)


def choose(keep: Tensor, these: dict[str, Tensor], others: dict[str, Tensor]) -> dict[str, Tensor]:
    """`these` tensors where `keep` holds, `others` of the same names elsewhere.

    To keep a NaN out of a gradient takes two calls: one before the computation that may fail, to replace its inputs,
    and one behind it, to replace its result. One alone is not enough: the gradient of a result that was replaced is 0,
    but 0 times an infinite derivative inside the computation is NaN. `others` may be the same tensors, detached: then
    the values stay, and only the gradient is cut off.

    Args:
        keep: a bool scalar, or one that broadcasts.
        these: name -> tensor.
        others: likewise.

    Returns:
        name -> tensor.
    """
    return {name: torch.where(keep, t, others[name]) for name, t in these.items()}


def stacked(trees: list[Any]) -> Any:
    """One tree of the form of all of them, each tensor a stack of theirs: what vmap returns, of results one by one."""
    return tree_map(lambda *parts: torch.stack(parts), *trees)


def largest(tensors: dict[str, Tensor]) -> Tensor:
    """The largest absolute value of all, NaN if one is; a scalar without a gradient."""
    return torch.stack([t.detach().abs().amax() for t in tensors.values()]).amax()

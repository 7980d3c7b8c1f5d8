"""Where one update rule is ahead of another, and by how much: group by group of problems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor


class Lead(NamedTuple):
    """Two rules on one group of problems.

    ours, theirs: mean losses. share: what this group contributes to the lead of the first rule over all problems.
    ahead: the share of the group's problems on which the first rule has the lower loss.
    """

    ours: float
    theirs: float
    share: float
    ahead: float


def leads(ours: Tensor, theirs: Tensor, groups: Mapping[str, Tensor]) -> dict[str, Lead]:
    """Compare the losses of two rules on the same problems, group by group.

    Args:
        ours: (problems,), the losses of the first rule.
        theirs: (problems,), those of the second.
        groups: for every name the indices of its problems. The shares add up to 1 where the groups hold every problem
            once.

    Returns:
        A `Lead` under every name.

    Raises:
        ValueError: if the losses are not of the same problems, or a group is empty.
    """
    if ours.shape != theirs.shape or ours.ndim != 1:
        raise ValueError(f"losses of shapes {tuple(ours.shape)} and {tuple(theirs.shape)}; expected (problems,) twice.")
    lead = theirs - ours
    found = {}
    for name, group in groups.items():
        if not len(group):
            raise ValueError(f"The group {name!r} holds no problem; leave it out.")
        means = ours[group].mean().item(), theirs[group].mean().item()
        share = lead[group].sum() / lead.sum()
        found[name] = Lead(*means, share.item(), (lead[group] > 0).float().mean().item())
    return found

"""An update rule around an update rule, for trainings that may diverge."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .._common.trees import choose, detached, largest
from .unroll import Params, UpdateRule, check_rule

FAR = 1e4  # a weight beyond it does not come back
HUGE = 1e10  # nor does a training with such a loss or gradient


class Watched(NamedTuple):
    """The state of a `StopIfDiverged`.

    inner: the state of the rule within. updates: how many were asked for so far. stopped: the number of the first one
    that was refused because the training had diverged, -1 while there is none. Both are int64 scalars.
    """

    inner: Any
    updates: Tensor
    stopped: Tensor


class StopIfDiverged(nn.Module):
    """Update by `rule` until the training diverges; from then on the parameters stay as they are.

    A training diverges when its loss or a gradient reaches 1e10 or is NaN, or when an update leads to a weight of 1e4
    or more, or to NaN. That update is already refused. In the manner of optax's `apply_if_finite`, the guard is a rule
    around a rule, and the state says where it stopped.

    Once diverged, it feeds zeros to the rule within, as gradients and losses, and keeps the parameters. So nothing
    infinite is computed, neither forward nor backward (see `choose`), and the state of the rule stays finite.

    Args:
        rule: the update rule within. Its parameters are those of this module.

    Raises:
        TypeError: if `rule` is no update rule.
    """

    def __init__(self, rule: UpdateRule) -> None:
        super().__init__()
        check_rule(rule)
        self.rule = rule

    def init(self, params: Params) -> Watched:
        """The rule's own state, no update counted, not stopped."""
        count = next(iter(params.values())).new_zeros((), dtype=torch.int64)
        return Watched(self.rule.init(params), count, count - 1)

    def update(self, params: Params, grads: Params, state: Watched, loss: Tensor) -> tuple[Params, Watched]:
        """The rule's update; once diverged, the parameters as they are."""
        goes_on = (state.stopped < 0) & usable(grads, loss)
        grads = choose(goes_on, grads, {name: torch.zeros_like(g) for name, g in grads.items()})
        new, inner = self.rule.update(params, grads, state.inner, torch.where(goes_on, loss, 0.0))
        goes_on = goes_on & (largest(new) < FAR)
        stopped = torch.where(goes_on | (state.stopped >= 0), state.stopped, state.updates)
        return choose(goes_on, new, detached(params)), Watched(inner, state.updates + 1, stopped)


def usable(grads: Params, loss: Tensor) -> Tensor:
    """Whether a step can be taken by these gradients: a bool scalar, False where one of them or the loss is NaN."""
    return (largest(grads) < HUGE) & (loss.detach().abs() < HUGE)


__all__ = ["FAR", "HUGE", "StopIfDiverged", "Watched", "usable"]

"""MAML whose first step makes a prototype classifier: the head is zero when an episode begins."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ..update_rules import Params
from .anil import find_head
from .base import Loss
from .maml import MAML


class ZeroHeadMAML(MAML):
    """MAML with the head's weights and biases set to zero at the start of every episode.

    phi is theta_0 without the head (named `head`; the last linear layer by default), so no class has a place of its own
    in the start. With cross-entropy and equally many shots of each of the N classes, the first step leaves the body
    where it is, for its gradient has to pass the zero head, and moves the head's row of class k from 0 to
    alpha/N (c_k - c): c_k is the mean of class k's features, c the mean of all. The biases stay 0. So the logits of
    features f are alpha/N (c_k.f - c.f), dot products with prototypes but for a term that all classes share.

    Args:
        learner: the model that is adapted; its parameters, without the head, are theta_0.
        steps: inner steps, 0 or more.
        lr: the rate of the inner loop.
        loss: (predictions, y) -> scalar, for support and query set.
        first_order: whether the inner gradients are constants for the meta-gradient.
        head: the name of the linear layer; the last one by default.

    Raises:
        ValueError: as for `MAML`; and if the learner has no linear layer of that name.
    """

    def __init__(
        self,
        learner: nn.Module,
        steps: int = 1,
        lr: float = 0.01,
        loss: Loss = F.cross_entropy,
        first_order: bool = False,
        head: str | None = None,
    ) -> None:
        super().__init__(learner, steps, lr, loss, first_order)
        self.head = find_head(learner, head)

    def start(self) -> Params:
        """theta_0, with zeros for the head."""
        start = super().start()
        return start | {k: torch.zeros_like(p) for k, p in start.items() if k.rpartition(".")[0] == self.head}

"""Almost no inner loop, and none: ANIL and NIL (Raghu et al., 2020, arXiv:1909.09157)."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from ..learners import Frozen, unfrozen
from ..update_rules import Params
from .base import Loss
from .maml import MAML
from .matching import Matching


class ANIL(MAML):
    """MAML that adapts the head alone; the body is the same for every task.

    Raghu et al. (2020, arXiv:1909.09157), section 4. phi is theta_0: head and body. The inner loop moves the head, the
    linear layer that `learner` ends with. The outer loop moves both. So the body is an encoder that runs once, in
    `embed`.

    Args:
        learner: the model that is adapted; its parameters are theta_0.
        steps: inner steps, 0 or more.
        lr: the rate of the inner loop.
        loss: (predictions, y) -> scalar, for support and query set.
        first_order: whether the inner gradients are constants for the meta-gradient.
        head: the name of the linear layer; the last one by default.

    Raises:
        ValueError: as for `MAML`; and if the learner does not end with a linear layer of that name.
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
        self.one_by_one = False  # no convolution is adapted

    def embed(self, x: Tensor) -> Tensor:
        """What the body makes of x: features (n, d)."""
        return features(self.learner, self.head, x)

    def start(self) -> Params:
        """The head's part of theta_0, without what is frozen."""
        return unfrozen(self.learner.get_submodule(self.head))

    def predict(self, params: Params, x: Tensor) -> Tensor:
        """The head's outputs for features x (m, d): (m, outputs)."""
        return functional_call(self.learner.get_submodule(self.head), params, (x,))


class NIL(Matching):
    """No inner loop: a trained MAML or ANIL without its head (Raghu et al., 2020, arXiv:1909.09157, section 5.1).

    Its frozen body turns images into features, and the labels of the support set are weighted by their cosine
    similarities to a query, as in matching networks. phi is empty: use it in `evaluate` and `compare`.

    Args:
        trained: the MAML or ANIL whose body is copied.
        head: the name of the linear layer; the last one by default.
        scale: as in `Matching`.

    Raises:
        ValueError: if the learner has no linear layer of that name, or `scale` is out of range.
    """

    def __init__(self, trained: MAML, head: str | None = None, scale: float = 10.0) -> None:
        super().__init__(Frozen(trained.learner), scale)
        self.head = find_head(trained.learner, head)
        self.trained_seconds = trained.trained_seconds

    def embed(self, x: Tensor) -> Tensor:
        """What the frozen body makes of x: features (n, d)."""
        return features(self.encoder.get_submodule("module"), self.head, x)


def find_head(learner: nn.Module, name: str | None = None) -> str:
    """`name`, or the name of the last linear layer; ValueError where `learner` has no linear layer of that name."""
    layers = [n for n, module in learner.named_modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise ValueError(f"The learner {type(learner).__name__} has no linear layer that could be its head.")
    name = layers[-1] if name is None else name
    if name not in layers:
        raise ValueError(f"head={name!r} is no linear layer of the learner; it has {', '.join(map(repr, layers))}.")
    return name


def features(learner: nn.Module, head: str, x: Tensor) -> Tensor:
    """What reaches the layer `head` when x runs through `learner`; ValueError where that does not end with it."""
    calls: list[Any] = []
    layer = learner.get_submodule(head)
    handle = layer.register_forward_hook(lambda _, inputs, output: calls.append((*inputs, output)))
    try:
        answers = learner(x)
    finally:
        handle.remove()
    if len(calls) != 1 or calls[0][1] is not answers:
        raise ValueError(f"head={head!r} is not what the learner ends with; something follows it. Name the last layer.")
    return calls[0][0]

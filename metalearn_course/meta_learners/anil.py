"""Almost no inner loop, and none: ANIL and NIL (Raghu et al., 2020)."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from ..learners import Frozen
from ..update_rules import Params
from .base import Loss
from .maml import MAML
from .matching import Matching


class ANIL(MAML):
    """MAML that adapts the head alone; the body is the same for every task (Raghu et al., 2020, section 4).

    phi is theta_0: head and body. The inner loop moves the head, the linear layer named `head` that `learner` ends with
    (its last one by default). The outer loop moves both. So the body is an encoder that runs once, in `embed`.
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
        """The head's part of theta_0."""
        return dict(self.learner.get_submodule(self.head).named_parameters())

    def predict(self, params: Params, x: Tensor) -> Tensor:
        return functional_call(self.learner.get_submodule(self.head), params, (x,))


class NIL(Matching):
    """No inner loop: a trained MAML or ANIL without its head (Raghu et al., 2020, section 5.1).

    Its frozen body turns images into features, and the labels of the support set are weighted by their cosine
    similarities to a query, as in matching networks. phi is empty: use it in `evaluate` and `compare`.
    """

    def __init__(self, trained: MAML, head: str | None = None, sharpness: float = 10.0) -> None:
        super().__init__(Frozen(trained.learner), sharpness)
        self.head = find_head(trained.learner, head)
        self.trained_seconds = trained.trained_seconds

    def embed(self, x: Tensor) -> Tensor:
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
    """What the layer named `head`, with which `learner` ends, is given when x runs through it."""
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

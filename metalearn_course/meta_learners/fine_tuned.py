"""The reference point: one model trained on all tasks at once, then fine-tuned on each."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from .._common.arguments import whole
from ..learners import unfrozen
from ..tasks.task import Examples, Task
from ..update_rules import SGD, Params, unroll
from ..update_rules.sgd import number_or_tensor
from .base import Loss, MetaLearner
from .kernels import RECURRENT


class FineTuned(MetaLearner):
    """Pretrain on the points of all tasks, pooled; then take `steps` gradient steps on a task's support set.

    Regression: `learner` maps x to y, and pretraining fits it to every task at once. Classification: `learner` maps
    an image to features; pretraining puts a linear layer over all `classes` global ids on top, and every task gets a
    new one, zero, for its own labels. phi is the pretrained model; the support set plays no special part in it.

    `encoder`, if given, takes part in the pretraining and then stays as it is: only what follows is fine-tuned. What is
    frozen in `learner` (requires_grad=False) stays in both.

    Args:
        learner: x (n, ...) -> y (n, outputs), or features (n, features) in classification.
        steps: of fine-tuning, 0 or more.
        lr: the rate of fine-tuning.
        loss: (predictions, y) -> scalar.
        features: how many the learner makes; together with `classes`, in classification only.
        classes: how many global ids there are in meta-training.
        encoder: what inputs go through before the learner; none by default.

    Raises:
        ValueError: for one of `features` and `classes` without the other, and for numbers out of range.
    """

    def __init__(
        self,
        learner: nn.Module,
        steps: int = 10,
        lr: float = 0.01,
        loss: Loss = F.cross_entropy,
        features: int | None = None,
        classes: int | None = None,
        encoder: nn.Module | None = None,
    ) -> None:
        super().__init__(loss)
        if (features is None) != (classes is None):
            raise ValueError(f"features={features}, classes={classes}; give both (classification) or neither.")
        self.encoder = encoder
        self.learner = learner
        self.steps = whole("steps", steps, 0)
        self.lr = number_or_tensor("lr", lr)
        self.head = None
        self.one_by_one = any(isinstance(module, RECURRENT) for module in learner.modules())
        if features is not None and classes is not None:
            self.head = nn.Linear(whole("features", features), whole("classes", classes))

    def embed(self, x: Tensor) -> Tensor:
        """Through the encoder, if there is one."""
        return x if self.encoder is None else self.encoder(x)

    def objective(self, task: Task) -> Tensor:
        """The pooled loss: support and query alike, under global class ids."""
        support, query, classes = task
        x, y = torch.cat([support.x, query.x]), torch.cat([support.y, query.y])
        if self.head is None:
            return self.loss(self.learner(x), y)
        return self.loss(self.head(self.learner(x)), classes[y])

    def start(self) -> Params:
        """The pretrained parameters without what is frozen, and in classification a head of zeros for the ways."""
        params: Params = {f"learner.{name}": p for name, p in unfrozen(self.learner).items()}
        if self.head is None:
            return params
        new = self.head.weight.new_zeros
        return params | {"head.weight": new(self.ways, self.head.in_features), "head.bias": new(self.ways)}

    def support_loss(self, params: Params, support: Examples) -> Tensor:
        """The loss on one task's support set."""
        return self.loss(self.predict(params, support.x), support.y)

    def adapt(self, support: Examples) -> Params:
        """The parameters after fine-tuning, the new head's included."""
        return unroll(self.support_loss, SGD(self.lr), self.start(), [support] * self.steps).params

    def predict(self, params: Params, x: Tensor) -> Tensor:
        """The outputs of the fine-tuned model: (m, ways) or (m, outputs)."""
        features = functional_call(
            self.learner, {k.removeprefix("learner."): p for k, p in params.items() if k.startswith("learner.")}, (x,)
        )
        return features if self.head is None else F.linear(features, params["head.weight"], params["head.bias"])

"""A learner that reads its training set: one example after another, each beside the label of the one before."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import vmap

from .._common.arguments import whole
from ..learners import Frozen, to_features
from ..tasks.task import Examples, Task
from .base import _WAYS, MetaLearner, Outcomes


class Reader(MetaLearner):
    """Reads (x_t, y_{t-1}) and predicts y_t: the label comes one step after its image.

    Santoro et al. (2016, arXiv:1605.06065), figure 1. phi is what reads. A method writes `start` and `step`, or `read`
    for a whole sequence at once. It is trained on every step of a sequence: the support set and then the query set of
    an episode, in their order. What it has learned depends on the order of the support set.

    Args:
        features: how many numbers are read of an image.
        ways: the most classes that an episode may have.
        embedding: what turns images into features, copied and frozen; none by default.

    Raises:
        ValueError: if a number is out of range.
    """

    order_matters = True

    def __init__(self, features: int, ways: int, embedding: nn.Module | None = None) -> None:
        super().__init__()
        self.length = 15
        self.features = whole("features", features)
        self.outputs = whole("ways", ways)
        self.embedding = nn.Flatten() if embedding is None else Frozen(embedding)

    @property
    def ways(self) -> int:
        """How many classes the tasks at hand have; outside of tasks, the number that the reader was built for."""
        return self.outputs if _WAYS.get() is None else super().ways

    def embed(self, x: Tensor) -> Tensor:
        """Images to features (n, features); features (`Characters.embedded`) stay as they are."""
        return to_features(x, self.features, self.embedding)

    def start(self) -> Any:
        """The state before the first example."""
        raise NotImplementedError(f"{type(self).__name__} needs start(): the state before the first example.")

    def step(self, state: Any, x: Tensor, y_before: Tensor) -> tuple[Any, Tensor]:
        """One example (d,) beside the label before it, one-hot (ways,): the state after it, and logits (ways,)."""
        raise NotImplementedError(f"{type(self).__name__} needs step(state, x, y_before): one example read.")

    def read(self, x: Tensor, y_before: Tensor) -> Tensor:
        """The logits (T, ways) at every step of one sequence x (T, d), y_before (T, ways)."""
        state, logits = self.start(), []
        for t in range(len(x)):
            state, answer = self.step(state, x[t], y_before[t])
            logits.append(answer)
        return torch.stack(logits)

    def sequence(self, task: Task) -> Examples:
        """The first `length` examples of an episode, support set before query set.

        Draw more shots than are read; otherwise counting tells which classes must still come, a shortcut that is
        learned long before reading is.
        """
        return Examples(*(torch.cat(parts)[: self.length] for parts in zip(task.support, task.query, strict=True)))

    def objective(self, task: Task) -> Tensor:
        """The mean cross-entropy over all steps of the sequence, from the first, which can only be a guess."""
        sequence = self.sequence(task)
        return self.loss(self.read(sequence.x, self.labels_before(sequence)), sequence.y)

    def outcomes(self, tasks: Task) -> Outcomes:
        """The objectives; ValueError where no sequence meets a class twice, so that there is nothing to remember."""
        outcomes = super().outcomes(tasks)
        labels = torch.cat([tasks.support.y, tasks.query.y], dim=1)[:, : self.length].sort(dim=1).values
        if not torch.compiler.is_compiling() and not (labels[:, 1:] == labels[:, :-1]).any():
            raise ValueError(
                f"{type(self).__name__} reads {labels.shape[1]} examples of a task (length={self.length}) with "
                f"{tasks.classes.shape[-1]} classes and meets none of them twice, so that nothing can be learned. Draw "
                f"more shots, or read more: reader.length = {4 * tasks.classes.shape[-1]}."
            )
        return outcomes

    def adapt(self, support: Examples) -> Any:
        """The state after the support set, and its last label, which no step has read yet."""
        state = self.start()
        for x, y_before in zip(support.x, self.labels_before(support), strict=True):
            state, _ = self.step(state, x, y_before)
        return state, self.one_hot(support, self.outputs)[-1]

    def predict(self, adapted: Any, x: Tensor) -> Tensor:
        """The logits (m, ways), each query as the next step of the same sequence, independent of other queries."""
        state, last = adapted
        return vmap(lambda one: self.step(state, one, last)[1][: self.ways])(x)

    def labels_before(self, examples: Examples) -> Tensor:
        """The label of the step before, one-hot (T, ways); zeros at the first step."""
        return F.pad(self.one_hot(examples, self.outputs), (0, 0, 1, 0))[:-1]

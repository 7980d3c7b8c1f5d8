"""A set of examples, averaged into one vector: conditional neural processes.

Garnelo et al. (2018, arXiv:1807.01613).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .._common.arguments import whole
from ..learners import mlp
from ..tasks.task import Examples, Task
from .base import Loss, MetaLearner

_LEAST = 0.1  # the smallest standard deviation, as in the authors' code: it bounds the likelihood of a point


class NeuralProcess(MetaLearner):
    """Turn every support example into a vector, average the vectors, and predict from the average.

    phi is an encoder h and a decoder g: r = mean over S of h(x_i, y_i), and g(x, r) gives a mean and a standard
    deviation at x, trained by the Gaussian likelihood (Garnelo et al., 2018, arXiv:1807.01613, sections 2.2 and 2.3).
    Neither the order of the support set nor repeating all of it changes r. The likelihood is of support and query
    points together, as in the paper: a point that was given should be predicted, too.

    Args:
        inputs: how many numbers x has.
        outputs: how many y has.
        width: of r, and of the hidden layers.
        loss: (predictions, y) -> scalar, what the means are judged by; meta-training uses the likelihood.

    Raises:
        ValueError: if a number is out of range.
    """

    def __init__(self, inputs: int = 1, outputs: int = 1, width: int = 128, loss: Loss = F.mse_loss) -> None:
        super().__init__(loss)
        self.inputs, self.outputs = inputs, outputs = whole("inputs", inputs), whole("outputs", outputs)
        width = whole("width", width)
        self.encoder = mlp(inputs + outputs, width, width, width)
        self.decoder = mlp(inputs + width, width, width, 2 * outputs)

    def embed(self, x: Tensor) -> Tensor:
        """Inputs (n, inputs), as they are."""
        if x.shape[1:] != (self.inputs,):
            raise ValueError(
                f"{type(self).__name__} got inputs of shape {tuple(x.shape[1:])}; it was built for ({self.inputs},). "
                f"Build it with inputs={x.shape[-1]} for x of shape (n, {x.shape[-1]})."
            )
        return x

    def adapt(self, support: Examples) -> Tensor:
        """The mean r (width,) of the encoded support set."""
        if support.y.shape[1:] != (self.outputs,):
            raise ValueError(
                f"{type(self).__name__} predicts numbers, float targets of shape (n, {self.outputs}); it got "
                f"{support.y.dtype} of shape {tuple(support.y.shape)}. Give numbers as y[:, None]; for classes, use a "
                f"method that tells them apart."
            )
        return self.encoder(torch.cat([support.x, support.y], dim=-1)).mean(0)

    def distribution(self, r: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of y at x (m, inputs): each (m, outputs)."""
        mean, raw = self.decoder(torch.cat([x, r.expand(len(x), -1)], dim=-1)).chunk(2, dim=-1)
        return mean, _LEAST + (1 - _LEAST) * F.softplus(raw)

    def predict(self, r: Tensor, x: Tensor) -> Tensor:
        """The mean of y at x (m, inputs): (m, outputs)."""
        return self.distribution(r, x)[0]

    def objective(self, task: Task) -> Tensor:
        """Minus the mean Gaussian log-likelihood of all points, given the support set."""
        x, y = torch.cat([task.support.x, task.query.x]), torch.cat([task.support.y, task.query.y])
        mean, deviation = self.distribution(self.adapt(task.support), x)
        return (((y - mean) / deviation).square() / 2 + deviation.log() + math.log(2 * math.pi) / 2).mean()

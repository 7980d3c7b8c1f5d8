"""Random quadratics: the smallest distribution over things to minimize, made for learned optimizers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from .._common.arguments import whole
from .task import Examples, Task


@dataclass(frozen=True)
class Quadratics:
    """f(theta) = |W theta - y|^2, another W and y per task: (d, d) and (d, 1), all entries standard normal.

    Andrychowicz et al. (2016, arXiv:1606.04474), section 3.1. As a task: the rows of W are the inputs, y the targets,
    and support and query are the same, since the paper judges by the function that is minimized. The learner is
    `nn.Linear(d, 1, bias=False)`, whose weight is theta; the loss is `summed_squares`. At theta = 0 it is d on average.

    Args:
        dimensions: d, the number of coordinates of theta.
    """

    dimensions: int = 10

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimensions", whole("dimensions", self.dimensions))

    @property
    def protocol(self) -> str:
        """The dimensions."""
        return f"quadratics, {self.dimensions} dimension{'s' if self.dimensions > 1 else ''}"

    def sample(self, tasks: int, generator: Generator) -> Task:
        """A stack of `tasks` functions; x is W (tasks, d, d), y (tasks, d, 1), classes (tasks, 0)."""
        d = self.dimensions
        w = torch.randn(tasks, d, d, generator=generator)
        examples = Examples(w, torch.randn(tasks, d, 1, generator=generator))
        return Task(examples, examples, torch.empty(tasks, 0, dtype=torch.int64))


def summed_squares(prediction: Tensor, y: Tensor) -> Tensor:
    """|prediction - y|^2: the sum over all entries, not their mean.

    Args:
        prediction: of any shape.
        y: of the same shape.

    Returns:
        A scalar.

    Raises:
        ValueError: if the shapes differ, which would broadcast in silence.
    """
    if prediction.shape != y.shape:
        raise ValueError(
            f"The prediction has shape {tuple(prediction.shape)} and y {tuple(y.shape)}; expected the same. "
            f"Give the learner as many outputs as y has columns."
        )
    return (prediction - y).square().sum()

"""What a number is made of: metrics of one task, and the interval around a mean over tasks."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from ..meta_learners.losses import same_shape


def accuracy(predictions: Tensor, y: Tensor) -> Tensor:
    """The share of one task's queries whose largest logit is at the label.

    An answer with NaN or infinity in it, or of minus infinity alone, is wrong whatever the label is. A single minus
    infinity is fair: no chance for that class.

    Args:
        predictions: logits (m, ways).
        y: labels (m,).

    Returns:
        A scalar between 0 and 1.

    Raises:
        TypeError: for float targets.
    """
    if y.is_floating_point():
        raise TypeError(f"accuracy needs labels; y is {y.dtype}, as in regression. Evaluate with metric=mse.")
    return is_right(predictions, y).float().mean()


def is_right(predictions: Tensor, y: Tensor) -> Tensor:
    """Which answers are right: the largest logit is a number, and it is at the label.

    Args:
        predictions: logits (..., m, ways).
        y: labels (..., m).

    Returns:
        bool (..., m).
    """
    return (predictions.argmax(-1) == y) & predictions.amax(-1).isfinite()  # NaN is larger than any number


def mse(predictions: Tensor, y: Tensor) -> Tensor:
    """The mean squared error of one task's queries.

    Targets (m,) are refused, not read as (m, 1): training needs them as (m, 1), too, so they are mended once, where
    the tasks are made.

    Args:
        predictions: (m, outputs).
        y: targets, (m, outputs).

    Returns:
        A scalar.

    Raises:
        ValueError: for targets of another shape than the predictions, which would be broadcast.
    """
    same_shape("The metric is mse", predictions, y)
    return F.mse_loss(predictions, y)


def half_width(values: Tensor) -> float:
    """Of the 95% interval around the mean of `values` (n,): 1.96 standard errors."""
    return 1.96 * values.std().item() / math.sqrt(len(values))

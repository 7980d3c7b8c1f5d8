"""Torch's own losses, without what they do in silence: broadcast, or take numbers for probabilities."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]

_OF_LABELS = (F.cross_entropy, nn.CrossEntropyLoss)
_OF_NUMBERS: tuple[object, ...] = (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss)
_OF_NUMBERS += (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss)


class CheckedLoss:
    """A loss of torch's that refuses targets which are not for it.

    Cross-entropy takes float targets for probabilities: with one output it is 0 whatever is answered, and nothing is
    learned. The mean squared error of answers (n, 1) and targets (n,) is that of all n * n pairs.

    Args:
        loss: of torch; it is in `__wrapped__`, too, where `inspect.unwrap` finds it.
        owner: the name of the method, for the messages.
    """

    def __init__(self, loss: Loss, owner: str) -> None:
        self.__wrapped__ = loss
        self.of_labels = _is_one_of(loss, _OF_LABELS)
        self._owner = owner
        self._words = f"{owner}'s loss is {name_of(_of_partial(loss))}"

    @property
    def __name__(self) -> str:
        """As of the loss."""
        return name_of(self.__wrapped__)

    def __call__(self, predictions: Tensor, y: Tensor) -> Tensor:
        """The loss, a scalar.

        Raises:
            TypeError: for float targets, where the loss is for labels.
            ValueError: for targets of another shape than the predictions, where it is for numbers; for fewer outputs
                than classes, where it is for labels.
        """
        if self.of_labels and y.is_floating_point():
            raise TypeError(
                f"{self._words}, for labels of classes; the targets are numbers, {y.dtype} of "
                f"shape {tuple(y.shape)}. Build it with loss=F.mse_loss."
            )
        if not self.of_labels:
            same_shape(self._words, predictions, y)
        try:
            return self.__wrapped__(predictions, y)
        except (IndexError, RuntimeError) as error:
            if not self.of_labels or "out of bounds" not in str(error):
                raise
            raise ValueError(too_few_outputs(self._owner, predictions.shape[-1])) from None

    def __repr__(self) -> str:
        return self.__name__


def checked(loss: Loss, owner: str) -> Loss:
    """The same loss, as a `CheckedLoss` where it is torch's for labels or for numbers; any other as it is.

    Args:
        loss: (predictions, y) -> scalar.
        owner: the name of the method that it is for.
    """
    known = _is_one_of(loss, _OF_LABELS + _OF_NUMBERS)
    if not known or (isinstance(loss, nn.Module) and loss.state_dict()):  # weights of classes move with the module
        return loss
    return CheckedLoss(loss, owner)


def same_shape(who: str, predictions: Tensor, y: Tensor) -> None:
    """Raise ValueError, in a line that begins with `who`, where targets would be broadcast."""
    if predictions.shape == y.shape:
        return
    advice = f"Give the learner as many outputs as y has columns{'' if y.ndim > 1 else ', and y as y[..., None]'}"
    if not y.is_floating_point():
        column = "" if y.ndim > 1 else "[..., None]"
        advice = f"Give numbers as float, y.float(){column}; for labels of classes, use F.cross_entropy and accuracy"
    elif predictions.shape == (*y.shape, 1):
        advice = "Give y as y[..., None]"
    raise ValueError(
        f"{who}; predictions have shape {tuple(predictions.shape)} and targets {tuple(y.shape)}, which would be "
        f"broadcast; expected the same. {advice}."
    )


def too_few_outputs(who: str, outputs: int) -> str:
    """What is said of a method that cannot answer with every class."""
    return (
        f"{who} has {outputs} outputs; the tasks have more classes. Build it with one output for each class of a task, "
        f"as in mlp(784, 20) for 20 ways."
    )


def name_of(loss: Loss) -> str:
    """The name of a function; of an object, that of its class."""
    return getattr(loss, "__name__", type(loss).__name__)


def _is_one_of(loss: Loss, known: tuple[object, ...]) -> bool:
    loss = _of_partial(loss)
    return any(loss is one or type(loss) is one for one in known)


def _of_partial(loss: Loss) -> Loss:
    """What a `functools.partial` is made of, such as F.cross_entropy with a label_smoothing."""
    return _of_partial(loss.func) if isinstance(loss, partial) else loss


__all__ = ["CheckedLoss", "Loss", "checked", "name_of", "same_shape", "too_few_outputs"]

"""What raw inputs are like: their dtype beside that of the parameters, and images beside those of training."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from torch import Tensor

_DARK, _BRIGHT = 0.4, 0.6  # of the way from the smallest number to the largest: a mean below, and one above


class Look(NamedTuple):
    """The smallest number of some images, the largest, and the mean."""

    low: float
    high: float
    mean: float

    @classmethod
    def at(cls, x: Tensor) -> Look | None:
        """Of images (..., channels, height, width), float; None for what is none."""
        if x.ndim < 4 or min(x.shape[-2:]) < 2 or not x.is_floating_point() or not x.numel():
            return None
        low, high = x.detach().aminmax()
        return cls(low.item(), high.item(), x.detach().mean().item())

    def unlike(self, trained: Look, support: bool = False) -> str:
        """In what these images differ from those of training so that answers suffer; empty where they do not.

        Args:
            trained: those of training.
            support: whether these are queries, and `trained` the support set that they are compared with.
        """
        span, where = trained.high - trained.low or 1.0, "the support set" if support else "it is"
        reach = f"these {'queries' if support else 'images'} reach from {self.low:.3g} to {self.high:.3g}; {where} "
        reach += f"{'reaches from ' if support else 'for '}{trained.low:.3g} to {trained.high:.3g}, and other ones cost"
        if self.high - self.low > 2 * span or self.low < trained.low - span or self.high > trained.high + span:
            return f"{reach} accuracy. Bring them there, as by x / 255."
        if 0 < self.high - self.low < span / 20:
            return f"{reach} accuracy. Multiply them, or divide them only once."
        places = [(look.mean - trained.low) / span for look in (self, trained)]
        if min(places) < _DARK and max(places) > _BRIGHT:
            kinds = ("queries", "the support set") if support else ("images", "those that it is for")
            return (
                f"the mean of these {kinds[0]} is {self.mean:.2g}; of {kinds[1]}, {trained.mean:.2g}. Paper and "
                f"ink seem exchanged, which costs accuracy. Exchange them, as by {trained.high + trained.low:.3g} - x."
            )
        return ""


INK_ON_PAPER = Look(0.0, 1.0, 0.1)  # what the encoders of this course are made for: paper 0, ink 1, and little of that


@contextmanager
def one_dtype(who: str, parameters: Iterable[Tensor], x: Tensor) -> Iterator[None]:
    """Inside, what torch says of inputs that do not fit is said in a line, with what to do.

    Such are inputs of another dtype than the parameters, and of another number of features than the first layer takes.
    """
    try:
        yield
    except RuntimeError as error:
        if widths := re.search(r"mat1 and mat2 shapes cannot be multiplied \(\d+x(\d+) and (\d+)x\d+\)", str(error)):
            given, taken = widths.groups()
            if int(given) in (x.shape[-1], math.prod(x.shape[1:]), math.prod(x.shape[2:])):
                raise ValueError(
                    f"x has shape {tuple(x.shape)}, {given} features each; a layer of {who} takes {taken}. Give it "
                    f"inputs of that size, or build it for these, as in mlp({given}, 32)."
                ) from error
            raise
        kinds = {p.dtype for p in parameters}
        about = str(error).lower()
        if not kinds or x.dtype in kinds or not ("type" in about or "not implemented for" in about):
            raise
        names = " and ".join(sorted(str(kind) for kind in kinds))
        raise TypeError(
            f"x is {x.dtype}; the parameters of {who} are {names}. Convert x where tasks are made, x.float(), or the "
            f"method, .double()."
        ) from error


__all__ = ["INK_ON_PAPER", "Look", "one_dtype"]

"""Images that say what they are, and what two checks read of them."""

from collections import Counter, namedtuple
from typing import Any

import torch
from torch import Tensor

Image = namedtuple("Image", "episode set label owner example ids")  # ids: the `classes` of its episode


def numbered(classes: int, examples: int) -> Tensor:
    """Every pixel is 100 * class + example."""
    return (100.0 * torch.arange(classes)[:, None] + torch.arange(examples))[..., None, None].repeat(1, 1, 2, 2)


def corners(classes: int, examples: int) -> Tensor:
    """One inked corner, of value 100 * (class + 1) + example, and a faint stroke to its right."""
    images = torch.zeros(classes, examples, 3, 3)
    images[:, :, 0, 1] = 50.0
    images[:, :, 0, 0] = 100.0 * torch.arange(1, classes + 1)[:, None] + torch.arange(examples)
    return images


def copied(got: list[Image]) -> Any:
    return next((i._asdict() | {"times": times} for i, times in Counter(got).items() if times > 1), None)


def in_both_sets(got: list[Image]) -> Any:
    shown = {i._replace(set="query") for i in got if i.set == "support"}
    return next((i._asdict() for i in got if i in shown), None)

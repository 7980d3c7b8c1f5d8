"""What several checks of lesson 04 work with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, tensor

from metalearn_course.classroom.checks import Mistake

LEARNS = "The encoder learns through this step"


@contextmanager
def floats_expected() -> Iterator[None]:
    """Inside, a failure of labels that met float32 numbers as whole numbers is reported as that."""
    try:
        yield
    except Mistake as mistake:
        if mistake.name != "raised" or not re.search("same dtype|scalar type", mistake.message):
            raise
        raise Mistake(
            "labels_not_float",
            "`one_hot` gives whole numbers and `==` gives True and False; a matrix product with float32 features takes "
            f"neither. Make them float: `.float()`. What happened: {mistake.message}.",
            "raised",
        ) from None


QUERIES = tensor([[1.0, 1.0, 1.0], [2.0, 3.0, 1.0], [4.0, 2.0, 0.0], [1.0, 0.0, 3.0]])
CORNERS = tensor([[2.0, 1.0, 1.0], [1.0, 3.0, 1.0], [1.0, 1.0, 4.0]])


def logits_of(x: Tensor, prototypes: Tensor) -> Tensor:
    return -(x[:, None] - prototypes).square().sum(-1)

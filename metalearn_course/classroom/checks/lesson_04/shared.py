"""What several checks of lesson 04 work with."""

from torch import Tensor, tensor

from ..kit import Case, Rule, fails

QUERIES = tensor([[1.0, 1.0, 1.0], [2.0, 3.0, 1.0], [4.0, 2.0, 0.0], [1.0, 0.0, 3.0]])
CORNERS = tensor([[2.0, 1.0, 1.0], [1.0, 3.0, 1.0], [1.0, 1.0, 4.0]])


def logits_of(x: Tensor, prototypes: Tensor) -> Tensor:
    return -(x[:, None] - prototypes).square().sum(-1)


def floats_expected(on: Case) -> Rule:
    """Labels that met float32 numbers as whole numbers."""
    return fails(on, "labels_not_float", match="same dtype|scalar type")

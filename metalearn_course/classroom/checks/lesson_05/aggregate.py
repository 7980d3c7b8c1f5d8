"""The check of exercise 5.3, aggregate."""

import torch
from torch import Tensor, tensor

from ..kit import Case, Check, Rule, differentiable, equals, looks, near, rival, same, shaped, vmappable


def aggregate(encoded: Tensor) -> Tensor:
    return encoded.mean(0)


def has_its_say(example: int) -> Rule:
    """All features of one example a little larger, and every feature of the result is another."""
    moved = ENCODED + 0.1 * torch.eye(3)[:, example, None]

    def unnoticed(got: Tensor, then: Tensor) -> dict[str, object] | None:
        for feature in range(3):
            if near(then[feature], got[feature], rtol=0):
                before, after = ENCODED[example, feature], moved[example, feature]
                return {"feature": feature, "example": example, "before": before, "after": after}
        return None

    return looks(THREE, "one_example_decides", unnoticed, then=THREE.but(encoded=moved))


ENCODED = tensor([[1.0, -2.0, 0.0], [3.0, 0.0, 1.0], [2.0, 5.0, -7.0]])
THREE = Case(encoded=ENCODED)
ONE, TWICE = THREE.but(encoded=ENCODED[:1]), THREE.but(encoded=ENCODED.repeat(2, 1))
SEVEN = Case(encoded=torch.linspace(-1, 1, 14).reshape(7, 2) ** 3)

CHECK = Check(
    aggregate,
    shaped(THREE, "mixes_features", ()),
    rival(THREE, "mixes_features", ENCODED.mean(1), ENCODED.sum(1)),
    same(THREE, THREE.but(encoded=ENCODED[[2, 1, 0]]), "position_weighted"),
    same(THREE, THREE.but(encoded=ENCODED[[1, 2, 0]]), "position_weighted"),
    same(THREE, TWICE, "counts_examples"),
    *(has_its_say(example) for example in range(3)),
    equals(THREE, "the vectors {encoded}, aggregated"),
    equals(SEVEN, "7 vectors of width 2, aggregated"),
    equals(ONE, "a support set of one example"),
    differentiable(THREE, "encoded"),
    vmappable(THREE, THREE.but(encoded=ENCODED.T), over=("encoded",)),
)

"""The check of exercise 5.3, aggregate. The mean is one answer; whatever treats a set as a set is right."""

from typing import Any

import torch
from torch import Tensor, tensor

from metalearn_course.classroom.flow import gradient_at

from ..at_random import AtRandom, at_random
from ..kit import Answer, Case, Check, Rule, looks, near, rival, same, shaped, vmappable


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


def way_back(function: Answer, encoded: Tensor) -> Tensor | None:
    """The gradient that arrives at the examples."""
    return gradient_at(function(encoded, like=encoded[0]), encoded)


def none_arrives(got: Tensor | None) -> dict[str, Any] | None:
    if got is None:
        return {"what": "no gradient"}
    alone = [i for i, row in enumerate(got.tolist()) if not any(row)]
    return {"what": f"no gradient at example {alone[0]}, and some at others"} if alone else None


def any_set(key: str, examples: int, *order: int) -> AtRandom:
    """Examples in any number, and once more in this order or so often."""
    return at_random(
        lambda draw: Case(encoded=draw.normal(examples, 4)),
        lambda case: same(case, case.but(encoded=case.inputs["encoded"][[*order]]), key),
    )


ENCODED = tensor([[1.0, -2.0, 0.0], [3.0, 0.0, 1.0], [2.0, 5.0, -7.0]]) / 4
THREE = Case(encoded=ENCODED)
ONE, TWICE = THREE.but(encoded=ENCODED[:1]), THREE.but(encoded=ENCODED.repeat(2, 1))

CHECK = Check(
    aggregate,
    shaped(THREE, "mixes_features", ()),
    rival(THREE, "mixes_features", ENCODED.mean(1), ENCODED.sum(1)),
    same(THREE, THREE.but(encoded=ENCODED[[2, 1, 0]]), "position_weighted"),
    same(THREE, THREE.but(encoded=ENCODED[[1, 2, 0]]), "position_weighted"),
    same(THREE, TWICE, "counts_examples"),
    same(ONE, ONE.but(encoded=ENCODED[[0, 0, 0]]), "counts_examples"),
    *(has_its_say(example) for example in range(3)),
    looks(Case(way_back, encoded=ENCODED.clone().requires_grad_()), "cuts_gradient", none_arrives),
    vmappable(THREE, THREE.but(encoded=ENCODED.T), over=("encoded",), own=True),
    any_set("position_weighted", 5, 3, 1, 4, 0, 2),
    any_set("counts_examples", 2, 0, 1, 1, 0),
)

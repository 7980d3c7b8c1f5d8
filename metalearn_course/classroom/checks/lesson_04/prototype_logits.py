"""The check of exercise 4.2, prototype_logits."""

import torch
from torch import Tensor

from ..at_random import at_random
from ..kit import Case, Check, differentiable, equals, looks, near, rival, same, shaped, vmappable
from .shared import CORNERS, QUERIES, logits_of


def prototype_logits(x: Tensor, prototypes: Tensor) -> Tensor:
    return logits_of(x, prototypes)


def centered(logits: Tensor) -> Tensor:
    """Logits without what all classes of a query share: all that a softmax sees of them."""
    return logits - logits.mean(-1, keepdim=True)


FOUR = Case(x=QUERIES, prototypes=CORNERS)
DOUBLED = Case(x=2 * QUERIES, prototypes=2 * CORNERS)
MOVED = Case(x=QUERIES + 2, prototypes=CORNERS + 2)
TWO = Case(x=torch.linspace(-2, 2, 10).reshape(2, 5).cos(), prototypes=torch.linspace(-1, 3, 20).reshape(4, 5).sin())
TURNED = Case(x=-QUERIES, prototypes=CORNERS.flip(0))

CHECK = Check(
    prototype_logits,
    shaped(FOUR, "classes_by_queries", (3, 4)),
    looks(FOUR, "returns_probabilities", lambda got: got.min() >= 0 and near(got.sum(1), torch.ones(4))),
    looks(FOUR, "missing_minus", lambda got, want: (got.argmax(1) == want.argmin(1)).all()),
    looks(
        FOUR,
        "unsquared_distance",
        lambda got, doubled: (
            near(centered(doubled), 2 * centered(got), atol=1e-4)
            and {"before": got[0, 0] - got[0, 2], "after": doubled[0, 0] - doubled[0, 2]}
        ),
        doubled=DOUBLED,
    ),
    looks(FOUR, "cosine_instead", lambda got, doubled: near(got, doubled), doubled=DOUBLED),
    rival(FOUR, "forgets_factor_two", lambda x, prototypes: x @ prototypes.T - prototypes.square().sum(1), of=centered),
    same(FOUR, MOVED, "dot_product", of=centered, atol=1e-4),
    rival(FOUR, "averages_features", lambda want: want / 3, of=centered),
    equals(FOUR, "the logits of 4 queries and 3 prototypes of 3 features, each row less its mean", of=centered),
    equals(TWO, "the logits of 2 queries and 4 prototypes of 5 features, each row less its mean", of=centered),
    differentiable(FOUR, "x", "prototypes", of=centered),
    vmappable(FOUR, TURNED, over=("x", "prototypes"), of=centered),
    at_random(lambda draw: Case(x=draw.normal(3, 4), prototypes=draw.normal(5, 4)), of=centered, atol=1e-4),
)

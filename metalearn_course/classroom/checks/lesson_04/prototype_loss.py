"""The check of exercise 4.4, prototype_loss."""

import torch
import torch.nn.functional as F
from torch import Tensor, tensor, zeros

from ..at_random import at_random
from ..kit import Case, Check, equals, looks, rival
from .shared import CORNERS, QUERIES, logits_of


def prototype_loss(x: Tensor, y: Tensor, c: Tensor) -> Tensor:
    return F.cross_entropy(logits_of(x, c), y)


def lead(loss: Tensor) -> float:
    """By how much the right one of two logits leads, from the loss."""
    return -torch.log(torch.expm1(loss.double())).item()


def share(loss: Tensor) -> dict[str, Tensor]:
    return {"share": (-loss).exp()}


def by_distances(x: Tensor, y: Tensor, c: Tensor) -> Tensor:
    return F.cross_entropy(-torch.cdist(x, c), y)


ONE_AND_TWO = Case(x=zeros(1, 2), y=tensor([0]), c=tensor([[1.0, 0.0], [0.0, 2.0]]))
FAR = ONE_AND_TWO.but(c=tensor([[2.0, 0.0], [0.0, 4.0]]))
FOUR = Case(x=QUERIES, y=tensor([0, 1, 2, 2]), c=CORNERS / 2)
ALONE = FOUR.but(x=QUERIES[:1], y=tensor([0]))
PLAIN, SQUARED = tensor([-1.0, -2.0]), tensor([-1.0, -4.0])

CHECK = Check(
    prototype_loss,
    rival(ONE_AND_TWO, "squares_afterwards", *(z.log_softmax(0)[0] ** 2 for z in (PLAIN, SQUARED)), of=torch.abs),
    rival(ONE_AND_TWO, "softmax_before_the_loss", *(-z.softmax(0).log_softmax(0)[0] for z in (PLAIN, SQUARED))),
    looks(
        ONE_AND_TWO, "square_eats_the_minus", lambda got, far: lead(got) < 0 and lead(far) < 0 and share(got), far=FAR
    ),
    rival(ONE_AND_TWO, "unsquared_distance", by_distances, also=(FAR, FOUR)),
    rival(ALONE, "averages_features", lambda x, y, c: F.cross_entropy(logits_of(x, c) / 3, y)),
    equals(ALONE, "the mean loss of a single query, 3 prototypes"),
    rival(FOUR, "summed_loss", lambda want: 4 * want),
    equals(FOUR, "the mean loss of 4 queries, 3 prototypes"),
    at_random(lambda draw: Case(x=draw.normal(5, 2), y=draw.labels(4, 5), c=draw.normal(4, 2))),
)

"""The check of exercise 4.3, matching_prediction."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, tensor

from ..at_random import Draw, at_random
from ..kit import Case, Check, differentiable, differs, equals, fails, looks, near, relates, same, shaped, vmappable
from .shared import floats_expected


def matching_prediction(x: Tensor, support_x: Tensor, support_y: Tensor, ways: int, scale: float) -> Tensor:
    attention = (scale * F.cosine_similarity(x[:, None], support_x, dim=-1)).softmax(-1)
    return attention @ F.one_hot(support_y, ways).float()


def sums_to(total: float) -> Callable[[Tensor], bool]:
    return lambda got: near(got.sum(1), torch.full((len(got),), total))


def odds(got: Tensor, twice: Tensor) -> dict[str, Tensor]:
    """Of class 1 against class 0, for query 0."""
    return {"before": got[0, 1] / got[0, 0], "after": twice[0, 1] / twice[0, 0]}


def do_not_double(got: Tensor, twice: Tensor) -> dict[str, Tensor] | None:
    seen = odds(got, twice)
    return None if near(seen["after"], 2 * seen["before"], rtol=1e-3) else seen


def are_averaged(got: Tensor, want: Tensor, twice: Tensor) -> dict[str, Tensor] | None:
    means = matching_prediction(**TWICE.inputs) / tensor([2.0, 4.0, 2.0])
    return odds(got, twice) if near(got, want) and near(twice, means / means.sum(1, keepdim=True)) else None


def any_sets(draw: Draw) -> Case:
    x, shown, ways = draw.normal(3, 4), draw.normal(9, 4), draw.count(4, 6)
    return Case(x=x, support_x=shown, support_y=draw.labels(ways, 9), ways=ways, scale=draw.number(1.5, 2.5))


ASKED, OWNERS, ORDER = tensor([[1.0, 0.5, 0.0], [-0.5, 1.0, 2.0]]), tensor([1, 0, 2, 0, 1, 2]), [3, 0, 5, 4, 1, 2]
SHOWN = tensor([[0.0, 1, 0], [2, 1, 0.5], [0, 0.5, 1], [-1, 0, 0.5], [1, -1, 0], [0.5, 1, 3]])
WIDE = torch.cat([SHOWN, SHOWN.flip(0)], 1)
TWO = Case(x=ASKED, support_x=SHOWN, support_y=OWNERS, ways=3, scale=3.0)
ALONE, MILD, LONG_QUERY = TWO.but(x=ASKED[:1]), TWO.but(scale=1.0), TWO.but(x=5 * ASKED)
SHUFFLED = TWO.but(support_x=SHOWN[ORDER], support_y=OWNERS[ORDER])
TWICE = TWO.but(support_x=torch.cat([SHOWN, SHOWN[[0, 4]]]), support_y=torch.cat([OWNERS, tensor([1, 1])]))
LONG_EXAMPLE = TWO.but(support_x=SHOWN * tensor([1.0, 5, 1, 1, 1, 1])[:, None])

CHECK = Check(
    matching_prediction,
    floats_expected(TWO),
    fails(TWO, "compares_in_pairs", unless=TWO.but(x=SHOWN.flip(0))),
    fails(TWO, "wrong_dimension", unless=TWO.but(x=WIDE[:2], support_x=WIDE)),
    shaped(TWO, "attention_over_examples", (2, 6)),
    looks(TWO, "returns_logarithms", lambda got: got.max() <= 0 and sums_to(1.0)(got.exp())),
    relates(TWO, ALONE, "softmax_over_queries", lambda got, then: near(got[:1], then)),
    looks(TWO, "scale_after_softmax", sums_to(3.0)),
    looks(TWO, "averages_attention", sums_to(0.5)),
    looks(TWO, "no_softmax", lambda got: (got.min() < 0 or not sums_to(1.0)(got)) and {"total": got[0].sum()}),
    looks(TWO, "takes_nearest", lambda got: near(got.amax(1), torch.ones(2))),
    same(TWO, SHUFFLED, "assumes_sorted_labels"),
    fails(TWICE, "same_shots_for_all"),
    looks(TWO, "averages_attention/renormalized", are_averaged, twice=TWICE),
    looks(TWO, "softmax_over_classes", do_not_double, twice=TWICE),
    same(TWO, LONG_EXAMPLE, "dot_product", atol=1e-3),
    same(TWO, LONG_QUERY, "dot_product/query", atol=1e-3),
    differs(TWO, MILD, "ignores_scale"),
    relates(TWO, MILD, "divides_by_scale", lambda got, then: not (got.amax(1) < then.amax(1)).all()),
    equals(TWO, "class probabilities, 3 ways, support labels {support_y}, scale 3"),
    equals(
        TWO.but(x=SHOWN[:3], support_x=SHOWN[1:], support_y=OWNERS[1:]),
        "class probabilities, 3 ways, support labels {support_y}, scale 3",
    ),
    differentiable(TWO, "x", "support_x"),
    vmappable(TWO, SHUFFLED.but(x=ASKED.flip(1)), over=("x", "support_x", "support_y")),
    at_random(any_sets, what="class probabilities, {ways} ways, support labels {support_y}, scale {scale}"),
)

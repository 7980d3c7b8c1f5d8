"""The check of exercise 5.2, content_read."""

from operator import itemgetter
from typing import Any

import torch.nn.functional as F
from torch import Tensor, ones, tensor

from metalearn_course.classroom.values import show

from ..at_random import at_random
from ..kit import (
    Asked,
    Case,
    Check,
    Mistake,
    differentiable,
    differs,
    equals,
    fails,
    finite_gradients,
    looks,
    near,
    relates,
    rival,
    same,
    vmappable,
)

Read = tuple[Tensor, Tensor]


def content_read(memory: Tensor, key: Tensor, scale: float) -> Read:
    weights = (scale * F.cosine_similarity(memory, key, dim=-1)).softmax(-1)
    return weights, weights @ memory


weights_of, read_of = itemgetter(0), itemgetter(1)


def two_results(asked: Asked) -> None:
    """Two are asked for; whatever else came back, the learner is told what they are."""
    got = asked.got(FOUR, raw=True)
    if not isinstance(got, tuple) or len(got) != 2:
        name = "returned_nothing" if got is None else "wrong_structure" if isinstance(got, tuple) else "wrong_type"
        what = f"{len(got)} values" if isinstance(got, tuple) else show(got)
        raise Mistake(name, asked.filled("{two}", {"what": what}))


def weight_for_each_number(got: Any, memory: Tensor) -> bool:
    return isinstance(got[0], Tensor) and got[0].shape == memory.shape


def one_alone(got: Read, memory: Tensor) -> Any:
    alone = (i for i, row in enumerate(memory) if near(got[1], row) or near(got[0][i], 1.0))
    return next(({"slot": slot} for slot in alone), None)


MEMORY = tensor([[2.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, -1.0], [0.5, 1.0, 0.0, 0.5], [-1.0, 0.0, 0.5, 2.0]])
KEY, WIDE = tensor([1.0, 0.5, 0.0, -0.5]), tensor([[1.0, 2.0, 0.0, -1.0, 0.5], [0.0, -1.0, 1.0, 0.0, 0.0]])
FOUR = Case(memory=MEMORY, key=KEY, scale=3.0)
MILD, LONG_KEY, SWAPPED = FOUR.but(scale=1.0), FOUR.but(key=10 * KEY), FOUR.but(memory=MEMORY[[3, 1, 2, 0]])
LONG_FEATURE = FOUR.but(memory=MEMORY * tensor([10.0, 1.0, 1.0, 1.0]))
LONG_SLOT = FOUR.but(memory=MEMORY * tensor([1.0, 1.0, 10.0, 1.0])[:, None])
ONE_EMPTY = FOUR.but(memory=MEMORY * tensor([1.0, 1.0, 1.0, 0.0])[:, None])

CHECK = Check(
    content_read,
    two_results,
    looks(FOUR, "softmax_over_features", weight_for_each_number, raw=True, seen_as="wrong_shape"),
    looks(FOUR, "swaps_results", lambda got, want: near(got, want[::-1])),
    looks(FOUR, "softmax_over_features/uniform", lambda got: near(got[0], got[0][0] * ones(4))),
    looks(FOUR, "scale_after_softmax", lambda got: near(got[0].sum(), 3.0)),
    looks(FOUR, "no_softmax", lambda got: (got[0].min() < 0 or not near(got[0].sum(), 1)) and {"total": got[0].sum()}),
    looks(MILD, "takes_best_slot", one_alone),
    differs(FOUR, SWAPPED, "softmax_over_features/columns", of=weights_of),
    differs(FOUR, LONG_FEATURE, "normalizes_features", of=weights_of),
    same(FOUR, LONG_SLOT, "dot_product", of=weights_of, atol=1e-3),
    same(FOUR, LONG_KEY, "dot_product/key", of=weights_of, atol=1e-3),
    rival(FOUR, "reads_the_unlike", content_read(MEMORY, KEY, -3.0), of=weights_of),
    differs(FOUR, MILD, "ignores_scale", of=weights_of),
    relates(FOUR, MILD, "divides_by_scale", lambda got, then: got[0].max() >= then[0].max()),
    looks(FOUR, "weighs_features", lambda got, memory: near(got[1], memory @ got[0]) and {"average": got[0] @ memory}),
    looks(FOUR, "reads_unit_slots", lambda got, memory: near(got[1], got[0] @ F.normalize(memory, dim=1))),
    equals(FOUR),
    equals(Case(memory=WIDE, key=WIDE[0] + WIDE[1], scale=2.0)),
    fails(ONE_EMPTY, "empty_slot_is_nan", "not_finite"),
    equals(ONE_EMPTY, "a memory whose slot 3 is empty (its cosine counts as 0)"),
    differentiable(FOUR, "key", "memory", of=read_of),
    finite_gradients(ONE_EMPTY, "empty_slot_gradient_is_nan", "key", "memory", of=read_of),
    vmappable(FOUR, FOUR.but(memory=MEMORY.T, key=-KEY), over=("memory", "key")),
    at_random(lambda draw: Case(memory=draw.normal(5, 3), key=draw.normal(3), scale=draw.number(1.2, 1.8))),
)

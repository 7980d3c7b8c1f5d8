"""The check of exercise 5.4, causal_attention."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, ones, tensor

from ..at_random import at_random
from ..kit import Case, Check, Rule, differentiable, equals, finite_gradients, looks, near

Values = dict[str, Any] | None


def causal_attention(scores: Tensor) -> Tensor:
    earlier = torch.ones_like(scores, dtype=torch.bool).tril(-1)
    return scores.masked_fill(~earlier, -1e9).softmax(-1) * earlier


def sums(got: Tensor) -> dict[str, Tensor]:
    return {"column": got[:, 0].sum(), "row": got[1].nan_to_num().sum()}


def only_nan(key: str, place: tuple[Any, Any]) -> Rule:
    """These four of the sixteen weights are NaN or infinite, and no others."""

    def test(got: Any) -> Any:
        if not isinstance(got, Tensor) or got.shape != (4, 4) or got.dtype != torch.float32:
            return False
        broken = ~got.isfinite()
        return broken[place].all() and broken.sum() == 4 and sums(got)

    return looks(FOUR, key, test, raw=True, seen_as="not_finite")


def negative(got: Tensor) -> Values:
    t = int(got.min(1).values.argmin())
    return {"t": t, "row": got[t]} if got.min() < 0 else None


def ahead(got: Tensor) -> Values:
    """Where the most weight went to a later step."""
    later = got[1:].triu(2).abs()
    t, s = divmod(int(later.argmax()), 4)
    return {"t": t + 1, "s": s, "share": got[t + 1, s]} if later.max() >= 1e-6 else None


def itself(got: Tensor) -> Values:
    rows = (t for t in (1, 2, 3, 0) if got[t, t] > 1e-6 and got[t, t + 1 :].sum() < 1e-6)
    return next(({"t": t, "share": got[t, t]} for t in rows), None)


def shared_out_in_part(got: Tensor) -> Values:
    totals = got.sum(1)[1:]
    t = 1 + int(totals.argmin())
    in_part = ((totals > 0) & (totals < 1 - 1e-4)).all()
    return {"t": t, "row": got[t], "total": got[t].sum()} if in_part else None


def another_row(rtol: float) -> Callable[..., Values]:
    def test(got: Tensor, want: Tensor) -> Values:
        rows = (t for t in (1, 2, 3, 0) if not near(got[t], want[t], rtol=rtol))
        return next(({"t": t, "row": got[t], "right": want[t]} for t in rows), None)

    return test


SCORES = tensor([[0.5, -1.0, 2.0, 0.0], [1.0, 0.3, -0.7, 1.5], [-0.4, 1.2, 0.8, -1.0], [0.2, -0.6, 1.1, 0.9]])
FOUR, ONE, SIX = (Case(scores=s) for s in (SCORES, tensor([[1.5]]), torch.linspace(-2, 2, 36).reshape(6, 6).cos() * 3))
OTHER_FUTURE = FOUR.but(scores=SCORES + tensor([0.0, 2.0, -1.0, 3.0]) * ones(4, 4).triu(1))
LOWERED, WITH_ZEROS = FOUR.but(scores=SCORES - 200), FOUR.but(scores=SCORES * (SCORES > 0))
WITH_NAN = FOUR.but(scores=SCORES.index_put((tensor(2), tensor(0)), tensor(torch.nan)))
RAISED, HIGH_FUTURE = FOUR.but(scores=SCORES + 200), FOUR.but(scores=SCORES.tril(-1) + 200 * ones(4, 4).triu())

CHECK = Check(
    causal_attention,
    only_nan("first_row_is_nan", (0, slice(None))),
    only_nan("looks_ahead/nan", (3, slice(None))),
    only_nan("normalizes_columns", (slice(None), 3)),
    looks(FOUR, "no_softmax", negative),
    looks(FOUR, "zeroes_before_softmax", lambda got, then: near(then, got) and ahead(got), then=OTHER_FUTURE),
    looks(FOUR, "looks_ahead", ahead),
    looks(FOUR, "sees_its_own_label", itself),
    looks(FOUR, "first_row_not_empty", lambda got: got[0].abs().max() > 1e-6),
    looks(FOUR, "normalizes_columns", lambda got: near(got.sum(0)[:3], ones(3)) and sums(got)),
    looks(FOUR, "zeroes_after_softmax", shared_out_in_part),
    equals(FOUR, "the weights of 4 steps"),
    equals(ONE, "the weights of a single step"),
    equals(SIX, "the weights of 6 steps"),
    finite_gradients(FOUR, "gradient_is_nan", "scores"),
    differentiable(FOUR, "scores"),
    looks(RAISED, "exponential_overflows", another_row(rtol=1e-3), raw=True),
    looks(HIGH_FUTURE, "renormalizes_after_softmax", another_row(rtol=1e-4), raw=True),
    equals(WITH_ZEROS, "the weights of 4 steps whose scores are 0 in part, {scores[2]} in row 2"),
    equals(LOWERED, "the weights of 4 steps, every score lower by 200 (a softmax sees differences only)"),
    looks(WITH_NAN, "wrong_value/hides_nan", lambda got: not got[2].isnan().any() and {"row": got[2]}, raw=True),
    at_random(lambda draw: Case(scores=2 * draw.normal(5, 5)), what="the weights of 5 steps"),
)

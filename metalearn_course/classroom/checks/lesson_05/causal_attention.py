"""The check of exercise 5.4, causal_attention."""

from __future__ import annotations

import torch
from torch import Tensor, tensor, zeros

from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    expect_gradients,
    expect_kind,
    gradient_at,
    near,
    show,
)


@exercise(
    lesson="05",
    number=4,
    title="look back, and only back",
    minutes=10,
    difficulty=3,
    stretch=True,
    mistakes=(
        "sees_its_own_label",
        "looks_ahead",
        "zeroes_after_softmax",
        "zeroes_before_softmax",
        "first_row_is_nan",
        "first_row_not_empty",
        "normalizes_columns",
        "no_softmax",
        "gradient_is_nan",
        "overwrites",
        "cuts_gradient",
        "exponential_overflows",
        "renormalizes_after_softmax",
    ),
    hints=(
        "Token t holds the answer to question t. Which tokens may row 2 give weight to, and which may row 0?",
        "What must not be seen has to be gone before the softmax shares out the weight: `masked_fill` with minus "
        "infinity, or with a number as low as -1e9. Then look at row 0, in which every score is gone.",
        "`earlier = torch.ones_like(scores, dtype=torch.bool).tril(-1)`, then "
        "`scores.masked_fill(~earlier, -1e9).softmax(-1) * earlier`.",
    ),
)
def causal_attention(answer: Answer) -> str:
    got = _attention(answer, _SCORES)
    if got.min() < 0:
        t = int(got.min(1).values.argmin())
        raise Mistake(
            "no_softmax",
            f"Row {t} is {show(got[t])}: scores, not weights. After striking out what must not be seen, a softmax "
            "turns each row into shares that sum to one.",
        )
    later = _attention(answer, _SCORES + tensor([[0.0, 2.0, -1.0, 3.0]]) * torch.ones(4, 4).triu(1))
    _expect_nothing_ahead(got, later)
    _expect_not_itself(got)
    if near(got.sum(0)[:3], torch.ones(3)):
        raise Mistake("normalizes_columns", _columns(got))
    rows = got.sum(1)[1:]
    if ((rows > 0) & (rows < 1 - 1e-4)).all():
        t = 1 + int(rows.argmin())
        raise Mistake(
            "zeroes_after_softmax",
            f"Row {t} is {show(got[t])} and sums to {show(rows[t - 1].item())}. The softmax had shared the rest with "
            "steps that were struck out afterwards: strike them out before it.",
        )
    for scores in (_SCORES, tensor([[1.5]]), torch.linspace(-2, 2, 36).reshape(6, 6).cos() * 3):
        steps = "a single step" if len(scores) == 1 else f"{len(scores)} steps"
        expect_close(_attention(answer, scores), _causal_attention(scores), f"the weights of {steps}")
    _expect_finite_gradient(answer)
    _expect_large_scores(answer)
    return "no row sees its own label or a later one, and what it may see is shared out in full."


_SCORES = tensor([[0.5, -1.0, 2.0, 0.0], [1.0, 0.3, -0.7, 1.5], [-0.4, 1.2, 0.8, -1.0], [0.2, -0.6, 1.1, 0.9]])


def _causal_attention(scores: Tensor) -> Tensor:
    earlier = torch.ones_like(scores, dtype=torch.bool).tril(-1)
    return scores.masked_fill(~earlier, -1e9).softmax(-1) * earlier


def _attention(answer: Answer, scores: Tensor) -> Tensor:
    got = answer(scores)
    try:
        expect_kind(got, zeros(scores.shape), f"the result of `{answer.name}`")
    except Mistake as mistake:
        if mistake.name != "not_finite" or len(got) < 2:
            raise
        broken = ~got.isfinite()
        for name, rows, message in (
            (
                "first_row_is_nan",
                broken[0],
                "Row 0 is NaN: with every score at minus infinity the softmax is 0 / 0. Step 0 has nothing to look "
                "back at, so that its row is zeros; one NaN would spoil the gradient of everything.",
            ),
            (
                "looks_ahead",
                broken[-1],
                f"Row {len(got) - 1}, the last, is NaN: it may look at nothing, and row 0 is {show(got[0])}. Time runs "
                "the wrong way: rows ask, columns are looked at, and a row may see the columns before it.",
            ),
            ("normalizes_columns", broken[:, -1], _columns(got)),
        ):
            if rows.all() and broken.sum() == len(got):
                raise Mistake(name, message, mistake.name) from None
        raise
    return got


def _columns(got: Tensor) -> str:
    column, row = got[:, 0].sum().item(), got[1].nan_to_num().sum().item()
    return (
        f"Column 0 sums to {show(column)}, row 1 to {show(row)}: the weight was shared out among those who ask. It is "
        "each row that shares out its weight, among the steps it looks at."
    )


def _expect_nothing_ahead(got: Tensor, later: Tensor) -> None:
    """`later` is what comes out with other scores above the diagonal."""
    ahead = got[1:].triu(2).abs()
    if ahead.max() < 1e-6:
        return
    i, s = divmod(int(ahead.argmax()), 4)
    t = i + 1
    seen = f"Row {t} gives {show(got[t, s].item())} of its weight to step {s}, which comes after it"
    if near(later, got):
        raise Mistake(
            "zeroes_before_softmax",
            f"{seen}, though its score was struck out: a score of 0 becomes e^0 = 1 in the softmax, not 0. Only "
            "minus infinity (`masked_fill`) leaves nothing, or in practice a number as low as -1e9.",
        )
    raise Mistake(
        "looks_ahead",
        f"{seen}: at test time that token does not exist yet. Rows ask, columns are looked at; a row may see the "
        "columns before it.",
    )


def _expect_not_itself(got: Tensor) -> None:
    for t in (1, 2, 3, 0):
        if got[t, t] > 1e-6 and got[t, t + 1 :].sum() < 1e-6:
            raise Mistake(
                "sees_its_own_label",
                f"Row {t} gives {show(got[t, t].item())} of its weight to token {t}, which holds the label of step "
                f"{t}: the answer to its own question. That is right at once, and nothing is learned. Strike "
                "out the diagonal, too.",
            )
    if got[0].abs().max() > 1e-6:
        raise Mistake(
            "first_row_not_empty",
            f"Row 0 is {show(got[0])}: where all scores are equally low, the softmax is uniform, and step 0 reads "
            "labels that it must not see. It has nothing to look back at: its row is zeros.",
        )


def _expect_finite_gradient(answer: Answer) -> None:
    scores = _SCORES.clone().requires_grad_()
    got = answer(scores, like=zeros(4, 4))
    reached = gradient_at(got, scores)
    if reached is not None and not reached.isfinite().all():
        raise Mistake(
            "gradient_is_nan",
            f"The weights are right, but the gradient is NaN at {int(reached.isnan().sum())} of 16 scores: NaN arose "
            "in row 0 and was replaced afterwards, and the gradient runs back through it. Let it not arise: use a "
            "finite score, as low as -1e9.",
        )
    expect_gradients(got, _causal_attention(scores), {"scores": scores}, "Keys and queries learn through the scores")


def _expect_large_scores(answer: Answer) -> None:
    """A softmax sees differences only, and a hidden score, however high, leaves the others their weights."""
    want = _causal_attention(_SCORES)
    raised = answer(_SCORES + 200)
    if not near(raised, want, rtol=1e-3):
        t = _first_other_row(raised, want)
        raise Mistake(
            "exponential_overflows",
            f"With 200 added to every score row {t} should stay {show(want[t])}, for a softmax sees differences "
            f"only; yours turns into {show(raised[t])}. e^200 is too large for a float32. `softmax` takes care of "
            "that: it subtracts the largest score of the row first.",
        )
    got = answer(_SCORES.tril(-1) + 200 * torch.ones_like(_SCORES).triu())
    if not near(got, want):
        t = _first_other_row(got, want)
        raise Mistake(
            "renormalizes_after_softmax",
            f"When every forbidden score is 200, row {t} should still be {show(want[t])}; yours is {show(got[t])}. "
            "The softmax gave all the weight to what is forbidden; what may be seen underflowed to 0, and dividing by "
            "its sum, 0 / 0, brings nothing back. Set forbidden scores to minus infinity (`masked_fill`) BEFORE the "
            "softmax.",
        )


def _first_other_row(got: Tensor, want: Tensor) -> int:
    return next((t for t in range(1, len(want)) if not near(got[t], want[t])), 0)

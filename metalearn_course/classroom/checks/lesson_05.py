"""Checks for lesson 05, learning to read the support set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, tensor, zeros
from torch.func import vmap

from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    expect_kind,
    instead_of,
    near,
    show,
)


@exercise(
    lesson="05",
    title="the label comes late",
    minutes=8,
    difficulty=1,
    mistakes=(
        "label_beside_its_image",
        "wraps_around",
        "looks_ahead",
        "starts_with_label_zero",
        "shifts_classes",
        "ways_from_labels",
    ),
    hints=(
        "At step 0 nothing has been answered yet. Which labels have been told when step 3 is asked?",
        "Make the labels one-hot first, then move the rows down by one: a row of zeros comes in at the top, and the "
        "last label goes unused.",
        "`shown = F.one_hot(y, ways).float()`, then `torch.cat([torch.zeros(1, ways), shown[:-1]])`.",
    ),
)
def offset_labels(answer: Answer) -> str:
    y, ways = tensor([2, 0, 1, 1, 0, 2]), 3
    got = answer(y, ways, like=zeros(6, 3))
    _expect_shifted_in_time(got, y, ways)
    turned = [_turned(y, step, ways) for step in range(len(y))]
    rows = [answer(other, ways, like=zeros(6, 3)) for other in turned]

    def depends(row: int, step: int) -> str | None:
        """What happens to a row when the label of one step is another."""
        if near(rows[step][row], got[row]):
            return None
        return (
            f"When the label of step {step} turns from {y[step]} into {turned[step][step]}, your row {row} turns from "
            f"{show(got[row])} into {show(rows[step][row])}"
        )

    for t in (*range(1, len(y)), 0):
        if seen := depends(t, t):
            raise Mistake(
                "label_beside_its_image",
                f"{seen}: the answer stands beside the question. A reader copies it, is right every time and never "
                f"learns to look at an image. Step {t} may see the label of step {t - 1}, not its own."
                if t
                else f"{seen}: the answer stands beside the question. Step 0 may see no label at all: a row of zeros.",
            )
    for t in range(len(y) - 1):
        if seen := depends(t, t + 1):
            raise Mistake(
                "looks_ahead",
                f"{seen}: step {t} is told about the step after it, which has not been asked yet. Labels move down, to "
                "later rows.",
            )
    if seen := depends(0, len(y) - 1):
        raise Mistake(
            "wraps_around",
            f"{seen}: the last label came round to the first step. Nothing was answered before step 0, so its row is "
            "zeros, and nobody needs the last label.",
        )
    if not near(got[0], zeros(ways)):
        raise Mistake(
            "starts_with_label_zero",
            f"Row 0 is {show(got[0])}, whatever the labels are: that tells the reader that class "
            f"{int(got[0].argmax())} was just seen. Before the first step nothing was: zeros, which is no class.",
        )
    expect_close(got, _labels_before(y, ways), f"the labels before, for y = {show(y)} with 3 ways")
    _expect_all_ways(answer)
    expect_close(answer(tensor([1]), 2, like=zeros(1, 2)), zeros(1, 2), "the labels before, for a single step")
    return "a reader is told each label one step too late to copy it."


def _labels_before(y: Tensor, ways: int) -> Tensor:
    return F.pad(F.one_hot(y, ways).float(), (0, 0, 1, 0))[:-1]


def _turned(y: Tensor, step: int, ways: int) -> Tensor:
    """The same labels, but for one step."""
    other = y.clone()
    other[step] = (other[step] + 1) % ways
    return other


def _expect_shifted_in_time(got: Tensor, y: Tensor, ways: int) -> None:
    for by in (1, -1):
        moved = [(t, label + by) for t, label in enumerate(y.tolist()) if 0 <= label + by < ways]
        if all(got[t, column] > 0 for t, column in moved):
            t, column = moved[0]
            raise Mistake(
                "shifts_classes",
                f"Row {t} is {show(got[t])}, and the label of step {t} is {y[t]}: you moved the columns, which are "
                f"classes, and turned class {column - by} into class {column}. Move the rows, which are steps.",
            )


def _expect_all_ways(answer: Answer) -> None:
    y, ways = tensor([1, 0, 1]), 4
    message = (
        f"The labels {show(y)} can come up in a 4-way episode, and each row needs its 4 places then; yours follow the "
        f"labels that happen to be there. The reader's weights have one size: use `ways`."
    )
    with (
        instead_of("raised", "ways_from_labels", message),
        instead_of("wrong_shape", "ways_from_labels", message),
    ):
        got = answer(y, ways, like=zeros(3, 4))
    expect_close(got, _labels_before(y, ways), f"the labels before, for y = {show(y)} with 4 ways")


_MEMORY = tensor([[2.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, -1.0], [0.5, 1.0, 0.0, 0.5], [-1.0, 0.0, 0.5, 2.0]])
_KEY = tensor([1.0, 0.5, 0.0, -0.5])


@exercise(
    lesson="05",
    title="read a memory by content",
    minutes=12,
    difficulty=2,
    mistakes=(
        "dot_product",
        "normalizes_features",
        "softmax_over_features",
        "no_softmax",
        "takes_best_slot",
        "reads_the_unlike",
        "ignores_sharpness",
        "divides_by_sharpness",
        "sharpness_after_softmax",
        "weighs_features",
        "reads_unit_slots",
        "swaps_results",
        "empty_slot_is_nan",
        "overwrites",
        "cuts_gradient",
        "empty_slot_gradient_is_nan",
        "breaks_under_vmap",
    ),
    hints=(
        "Two slots point the same way as the key, one of them a hundred times as long. Which one should be read?",
        "Three lines: a number for each slot (`F.cosine_similarity` knows `dim` and looks after slots of zeros), the "
        "softmax of `sharpness` times these numbers, and the average of the slots with these weights.",
        "`weights = (sharpness * F.cosine_similarity(memory, key, dim=-1)).softmax(-1)`, and `weights @ memory` is "
        "what was read.",
    ),
)
def content_read(answer: Answer) -> str:
    got = _read(answer, _MEMORY, _KEY, 3.0)
    if near(got, _content_read(_MEMORY, _KEY, 3.0)[::-1]):
        raise Mistake("swaps_results", "You return `read, weights`, both right, in the wrong order: the weights first.")
    _expect_shares(got[0])
    mild = _read(answer, _MEMORY, _KEY, 1.0)
    _expect_blend(mild)
    _expect_slots_weighed(answer, got[0])
    _expect_cosine(answer, got[0])
    _expect_sharpness(got[0], mild[0])
    weights, read = got
    if near(read, _MEMORY @ weights):
        raise Mistake(
            "weighs_features",
            f"With weights {show(weights)} you read {show(read)}: the features of each slot were weighed, one number "
            f"for each slot. The weights belong to the slots, and their average is {show(weights @ _MEMORY)}.",
        )
    unit = F.normalize(_MEMORY, dim=1)
    if near(read, weights @ unit):
        raise Mistake(
            "reads_unit_slots",
            f"You read {show(read)}, the average of slots that were brought to length 1. Length is left out of the "
            f"comparison only; what is read is what was written: {show(weights @ _MEMORY)}.",
        )
    wide = tensor([[1.0, 2.0, 0.0, -1.0, 0.5], [0.0, -1.0, 1.0, 0.0, 0.0]])
    for memory, key, sharpness in ((_MEMORY, _KEY, 3.0), (wide, wide[0] + wide[1], 2.0)):
        what = f"memory = {show(memory)}, key = {show(key)}, sharpness = {sharpness:g}"
        expect_close(_read(answer, memory, key, sharpness), _content_read(memory, key, sharpness), what)
    _expect_empty_slot(answer)
    memory, key = _MEMORY.clone().requires_grad_(), _KEY.clone().requires_grad_()
    _expect_gradients(
        answer(memory, key, 3.0)[1],
        _content_read(memory, key, 3.0)[1],
        {"key": key, "memory": memory},
        "That is how a controller learns what to ask for and what to write",
    )
    _expect_gradient_beside_empty_slot(answer)
    memories, keys = torch.stack([_MEMORY, _MEMORY.T]), torch.stack([_KEY, -_KEY])
    _expect_vmap(
        answer,
        lambda function: vmap(lambda m, k: function(m, k, 3.0))(memories, keys),
        vmap(lambda m, k: _content_read(m, k, 3.0))(memories, keys),
    )
    return "what looks like the key is read most, and training can learn what to ask for."


def _content_read(memory: Tensor, key: Tensor, sharpness: float) -> tuple[Tensor, Tensor]:
    weights = (sharpness * F.cosine_similarity(memory, key, dim=-1)).softmax(-1)
    return weights, weights @ memory


def _read(answer: Answer, memory: Tensor, key: Tensor, sharpness: float) -> tuple[Tensor, Tensor]:
    got = answer(memory, key, sharpness)
    two = "Return two tensors, `weights, read`: a weight for each slot, and the slots' average with these weights."
    if got is None:
        raise Mistake("returned_nothing", f"You return None. {two}")
    if not isinstance(got, tuple):
        raise Mistake("wrong_type", f"You return {show(got)}. {two}")
    if len(got) != 2:
        raise Mistake("wrong_structure", f"You return {len(got)} values. {two}")
    if getattr(got[0], "shape", None) == memory.shape:
        raise Mistake(
            "softmax_over_features",
            f"Your weights have shape {tuple(memory.shape)}, one for every feature of every slot; expected "
            f"({len(memory)},). A slot is read as a whole: one number for each slot, then the softmax.",
            "wrong_shape",
        )
    expect_kind(got, (zeros(len(memory)), zeros(memory.shape[1])), f"the result of `{answer.name}`")
    return got


def _expect_shares(weights: Tensor) -> None:
    """`weights`, at sharpness 3, are shares of one."""
    slots = len(weights)
    if near(weights, weights.new_full((slots,), weights[0].item())):
        raise Mistake(
            "softmax_over_features",
            f"Every slot has the weight {show(weights[0].item())}, though slot 0 points the way of the key and slot 3 "
            "the other way. The softmax shared out the weight within each slot, and not among the slots.",
        )
    if near(weights.sum(), 3.0):
        raise Mistake(
            "sharpness_after_softmax",
            f"At sharpness 3 the weights {show(weights)} sum to 3: every share was made three times as large. "
            "Sharpness multiplies the cosines, before the softmax.",
        )
    if weights.min() < 0 or not near(weights.sum(), 1.0):
        raise Mistake(
            "no_softmax",
            f"The weights are {show(weights)}, they sum to {show(weights.sum().item())}. A softmax makes shares of the "
            "similarities: all positive, together 1.",
        )


def _expect_blend(got: tuple[Tensor, Tensor]) -> None:
    """`got`, at sharpness 1, has something of every slot."""
    weights, read = got
    for slot, row in enumerate(_MEMORY):
        if near(read, row) or near(weights[slot], 1.0):
            raise Mistake(
                "takes_best_slot",
                f"Slot {slot} was read alone, {show(read)}, at a sharpness of only 1. A slightly different key reads "
                "exactly the same, so no gradient says how to ask better. Average all slots, each with its weight.",
            )


def _expect_slots_weighed(answer: Answer, weights: Tensor) -> None:
    order = tensor([3, 1, 2, 0])
    swapped = _read(answer, _MEMORY[order], _KEY, 3.0)[0]
    if near(swapped, weights):
        raise Mistake(
            "softmax_over_features",
            f"Slots 0 and 3 changed places, and the weights are still {show(weights)}: they belong to the features "
            "(columns). Compare the key with each slot (row), and take the softmax over the slots.",
        )
    stretched = _read(answer, _MEMORY * tensor([10.0, 1.0, 1.0, 1.0]), _KEY, 3.0)[0]
    if near(stretched, weights):
        raise Mistake(
            "normalizes_features",
            "With feature 0 of all slots ten times as large, the weights stay the same: each column of the memory was "
            "divided by its length. The cosine divides each slot, a row, by its own length.",
        )


def _expect_cosine(answer: Answer, weights: Tensor) -> None:
    advice = "A cosine compares directions and forgets lengths: divide by the length of the slot and of the key."
    longer = _MEMORY * tensor([1.0, 1.0, 10.0, 1.0])[:, None]
    long_slot = _read(answer, longer, _KEY, 3.0)[0]
    if not near(long_slot, weights, atol=1e-3):
        raise Mistake(
            "dot_product",
            f"Slot 2 has the weight {show(weights[2].item())}; ten times as long and in the same direction, "
            f"{show(long_slot[2].item())}: its length counts, not only where it points. {advice}",
        )
    long_key = _read(answer, _MEMORY, 10 * _KEY, 3.0)[0]
    if not near(long_key, weights, atol=1e-3):
        raise Mistake(
            "dot_product",
            f"A key ten times as long turns the weights {show(weights)} into {show(long_key)}, though it asks for the "
            f"same direction. {advice}",
        )
    if near(weights, _content_read(_MEMORY, _KEY, -3.0)[0]):
        raise Mistake(
            "reads_the_unlike",
            f"Slot 0 points the way of the key and has the weight {show(weights[0].item())}, slot 3 points the other "
            f"way and has {show(weights[3].item())}. Was it a distance? The more alike, the larger the weight.",
        )


def _expect_sharpness(sharp: Tensor, mild: Tensor) -> None:
    """Weights at sharpness 3 and at sharpness 1."""
    if near(sharp, mild):
        raise Mistake(
            "ignores_sharpness",
            f"The weights are {show(mild)} at sharpness 1 and at sharpness 3. Cosines lie between -1 and 1, and their "
            "softmax is nearly uniform: multiply them by `sharpness` first.",
        )
    if sharp.max() < mild.max():
        raise Mistake(
            "divides_by_sharpness",
            f"The largest weight is {show(mild.max().item())} at sharpness 1 and {show(sharp.max().item())} at "
            "sharpness 3: the sharper, the flatter. Sharpness multiplies the cosines; what divides is a temperature.",
        )


_ONE_EMPTY = _MEMORY * tensor([1.0, 1.0, 1.0, 0.0])[:, None]


def _expect_empty_slot(answer: Answer) -> None:
    message = (
        "With zeros in slot 3, NaN comes out: the length of an empty slot is 0, and 0 / 0 spoils every weight. A "
        "memory starts empty, so this is its first step: keep the length away from 0 before you divide by it."
    )
    with instead_of("not_finite", "empty_slot_is_nan", message):
        got = _read(answer, _ONE_EMPTY, _KEY, 3.0)
    want = _content_read(_ONE_EMPTY, _KEY, 3.0)
    expect_close(got, want, "a memory whose slot 3 is empty (its cosine counts as 0)")


def _expect_gradient_beside_empty_slot(answer: Answer) -> None:
    memory, key = _ONE_EMPTY.clone().requires_grad_(), _KEY.clone().requires_grad_()
    read = answer(memory, key, 3.0)[1]
    for name, leaf in {"key": key, "memory": memory}.items():
        reached = _gradient(read, leaf)
        if reached is not None and not reached.isfinite().all():
            kind = "NaN" if reached.isnan().any() else "infinite"
            raise Mistake(
                "empty_slot_gradient_is_nan",
                f"With zeros in slot 3 the numbers are right, but the gradient at `{name}` is {kind}, and a memory "
                "starts empty: the first step of training would spoil every parameter. A 0 / 0, or the square root of "
                "0, was computed and repaired afterwards; the gradient runs back through it all the same. Let it not "
                "arise: `F.cosine_similarity` knows how, or divide by `memory.norm(dim=-1).clamp(min=1e-8)`.",
            )


def _expect_gradients(got: Tensor, want: Tensor, inputs: dict[str, Tensor], purpose: str) -> None:
    """The same gradient arrives at every input as from `want`."""
    for name, leaf in inputs.items():
        reached, full = _gradient(got, leaf), _gradient(want, leaf)
        if reached is None or not near(reached, full, atol=1e-4):
            arrives = "no gradient" if reached is None else "another gradient"
            raise Mistake(
                "cuts_gradient",
                f"The numbers are right, but {arrives} arrives at `{name}`. {purpose}: no `detach`, no `no_grad`, and "
                "no numbers taken out of their tensors on the way.",
            )


def _gradient(result: Tensor, leaf: Tensor) -> Tensor | None:
    if not result.requires_grad:
        return None
    direction = torch.linspace(-1.0, 2.0, result.numel()).reshape(result.shape)
    try:
        return torch.autograd.grad(result, leaf, direction, retain_graph=True, allow_unused=True)[0]
    except RuntimeError as error:
        if "inplace" not in str(error):
            raise
        raise Mistake(
            "overwrites",
            "The numbers are right, but no gradient can run back: a tensor was written into (`w[0] = ...`, `w /= ...`) "
            "whose old values the gradient needs, as those of a softmax or an exp. Make a new tensor: `w = w / ...`, "
            "`masked_fill`, `torch.where`.",
        ) from None


def _expect_vmap(answer: Answer, expression: Callable[[Callable[..., Any]], Any], want: Any) -> None:
    """What is written for one task runs for a stack of tasks."""
    try:
        got = answer.within(expression, like=want)
    except Mistake as mistake:
        if mistake.name != "raised":
            raise
        raise Mistake(
            "breaks_under_vmap",
            "It is right for one task, but a stack of tasks goes through `vmap`, where nothing can be written into a "
            "tensor of zeros and no `if` can ask about a number: compute with whole tensors. What happened there: "
            f"{mistake.message}.",
            mistake.name,
        ) from None
    expect_close(got, want, f"`vmap({answer.name})` on a stack of two tasks")


@exercise(
    lesson="05",
    title="what a set says",
    minutes=5,
    difficulty=1,
    mistakes=(
        "counts_examples",
        "position_weighted",
        "mixes_features",
        "one_example_decides",
        "cuts_gradient",
        "breaks_under_vmap",
    ),
    hints=(
        "Someone shuffles the support set, or hands you every example twice. Have you learned anything new?",
        "Every example counts the same, and together they count as one. Which average is that, over which dimension?",
        "`encoded.mean(0)`: dimension 0 holds the examples.",
    ),
)
def aggregate(answer: Answer) -> str:
    encoded = tensor([[1.0, -2.0, 0.0], [3.0, 0.0, 1.0], [2.0, 5.0, -7.0]])
    got = answer(encoded)
    if isinstance(got, Tensor) and (got.shape == () or near(got, encoded.mean(1)) or near(got, encoded.sum(1))):
        raise Mistake(
            "mixes_features",
            f"From the rows {show(encoded)} you made {show(got)}: the features of an example were mixed, and what each "
            "of them meant is gone. Features stay apart; it is the examples that are averaged.",
            "wrong_shape" if got.shape == () else None,
        )
    expect_kind(got, zeros(3), f"the result of `{answer.name}`")
    twice = answer(encoded.repeat(2, 1), like=zeros(3))
    _expect_no_order(answer, encoded, got)
    if not near(twice, got):
        doubled = "doubles it" if near(twice, 2 * got) else "changes it"
        raise Mistake(
            "counts_examples",
            f"Giving every example twice {doubled}: {show(got)} turns into {show(twice)}. The same evidence should say "
            "the same, and a decoder trained on 5 examples would be lost with 50: divide by how many there are.",
        )
    for example in range(3):
        moved = encoded.clone()
        moved[example] += 0.1
        unmoved = (answer(moved, like=zeros(3)) - got).abs() < 1e-5
        if unmoved.any():
            feature = int(unmoved.nonzero()[0])
            raise Mistake(
                "one_example_decides",
                f"Feature {feature} of example {example} went from {show(encoded[example, feature].item())} to "
                f"{show(moved[example, feature].item())}, and your result {show(got)} did not notice. Every example "
                "has its say: take the mean.",
            )
    expect_close(got, encoded.mean(0), f"the vectors {show(encoded)}, aggregated")
    many = torch.linspace(-1, 1, 14).reshape(7, 2) ** 3
    expect_close(answer(many, like=zeros(2)), many.mean(0), "7 vectors of width 2, aggregated")
    expect_close(answer(encoded[:1], like=zeros(3)), encoded[0], "a support set of one example")
    leaf = encoded.clone().requires_grad_()
    _expect_gradients(
        answer(leaf, like=zeros(3)), leaf.mean(0), {"encoded": leaf}, "The encoder before it learns through this step"
    )
    stack = torch.stack([encoded, encoded.T])
    _expect_vmap(answer, lambda function: vmap(function)(stack), stack.mean(1))
    return "a set of any size, in any order, says its piece in one vector."


def _expect_no_order(answer: Answer, encoded: Tensor, got: Tensor) -> None:
    for order in ([2, 1, 0], [1, 2, 0]):
        shuffled = answer(encoded[order], like=zeros(3))
        if not near(shuffled, got):
            raise Mistake(
                "position_weighted",
                f"The same {len(order)} examples in the order {order} give {show(shuffled)} instead of {show(got)}: "
                "what an example counts depends on its place. A set has no first and no last; all count the same.",
            )


@exercise(
    lesson="05",
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
    reached = _gradient(got, scores)
    if reached is not None and not reached.isfinite().all():
        raise Mistake(
            "gradient_is_nan",
            f"The weights are right, but the gradient is NaN at {int(reached.isnan().sum())} of 16 scores: NaN arose "
            "in row 0 and was replaced afterwards, and the gradient runs back through it. Let it not arise: use a "
            "finite score, as low as -1e9.",
        )
    _expect_gradients(got, _causal_attention(scores), {"scores": scores}, "Keys and queries learn through the scores")


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

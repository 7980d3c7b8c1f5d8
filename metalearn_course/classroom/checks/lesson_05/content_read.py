"""The check of exercise 5.2, content_read."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, tensor, zeros
from torch.func import vmap

from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    expect_gradients,
    expect_kind,
    expect_under_vmap,
    gradient_at,
    instead_of,
    near,
    show,
)

_MEMORY = tensor([[2.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, -1.0], [0.5, 1.0, 0.0, 0.5], [-1.0, 0.0, 0.5, 2.0]])
_KEY = tensor([1.0, 0.5, 0.0, -0.5])


@exercise(
    lesson="05",
    number=2,
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
    expect_gradients(
        answer(memory, key, 3.0)[1],
        _content_read(memory, key, 3.0)[1],
        {"key": key, "memory": memory},
        "That is how a controller learns what to ask for and what to write",
    )
    _expect_gradient_beside_empty_slot(answer)
    memories, keys = torch.stack([_MEMORY, _MEMORY.T]), torch.stack([_KEY, -_KEY])
    expect_under_vmap(
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
        reached = gradient_at(read, leaf)
        if reached is not None and not reached.isfinite().all():
            kind = "NaN" if reached.isnan().any() else "infinite"
            raise Mistake(
                "empty_slot_gradient_is_nan",
                f"With zeros in slot 3 the numbers are right, but the gradient at `{name}` is {kind}, and a memory "
                "starts empty: the first step of training would spoil every parameter. A 0 / 0, or the square root of "
                "0, was computed and repaired afterwards; the gradient runs back through it all the same. Let it not "
                "arise: `F.cosine_similarity` knows how, or divide by `memory.norm(dim=-1).clamp(min=1e-8)`.",
            )

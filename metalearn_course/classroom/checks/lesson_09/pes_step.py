"""The check of exercise 9.2, pes_step."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show
from metalearn_course.classroom.checks.lesson_09.shared import PHI, SIGMA

Segment = Callable[[Tensor, Any], tuple[Tensor, Any, bool]]
_BEFORE, _NOISE, _NOW = tensor([1.5, 0.5]), tensor([0.5, -0.5]), tensor([2.0, 0.0])
_STATES = (tensor(5.0), tensor(1.0))
_PAIR = (
    "Here phi = [1, 2], sigma = 0.25 and z = [2, -2], so that this segment's noise is [0.5, -0.5], and the two members "
    "begin it at the states 5 and 1"
)
_APART = (
    "After the first segment the members are in different places, and that is how earlier noise is felt later on. Each "
    "goes on from its own state."
)
_SUM = f"{_PAIR}. The total came in as [1.5, 0.5] and is now [2, 0]"


def _drift(over: bool) -> Segment:
    """The state moves by phi[0], the loss is 2 state + 3 phi[1]; a training that is over goes back to state 0."""

    def segment(phi: Tensor, state: Tensor) -> tuple[Tensor, Tensor, bool]:
        state = state + phi[0]
        return 2 * state + 3 * phi[1], torch.zeros(()) if over else state, over

    return segment


def _pes(answer: Answer, over: bool = False, states: tuple[Tensor, Tensor] = _STATES) -> Any:
    like = (PHI, _STATES, PHI)
    return answer(_drift(over), PHI, states, _BEFORE, SIGMA, tensor([2.0, -2.0]), like=like)


@exercise(
    lesson="09",
    number=2,
    title="a gradient from segments",
    minutes=10,
    difficulty=3,
    mistakes=(
        "current_noise_only",
        "never_reset",
        "shares_state",
        "perturbs_by_the_sum",
        "adds_too_late",
        "resets_too_early",
        "divides_by_sigma",
        "minus_minus_plus",
        "hands_on_old_states",
    ),
    hints=(
        "The members of the pair arrive at this segment in different states. Which of all the noise so far made these "
        "states differ, and so takes part in the difference of the losses?",
        "Three things are handed on: two states, which never meet, and the sum of the noise since the training began. "
        "`phi` is moved by this segment's noise; the difference of the losses is multiplied by the sum, with this "
        "segment's noise in it. If the training is over, what is handed on is a sum of zero.",
        "`total = total + noise`, then `loss_plus, plus, over = segment(phi + noise, plus)` and the same with minus, "
        "`gradient = (loss_plus - loss_minus) / (2 * sigma**2) * total`, and last `torch.zeros_like(total) if over "
        "else total`.",
    ),
)
def pes_step(answer: Answer) -> str:
    gradient, states, total = _pes(answer)
    _name_the_states(answer, gradient, states, total)
    _name_the_noise(gradient, total)
    _expect_reset(answer, gradient)
    _expect_any_state(answer)
    _expect_whole_training(answer)
    return "every segment is followed by a step, and the noise of earlier ones is not forgotten."


def _name_the_states(answer: Answer, gradient: Tensor, states: tuple[Tensor, Tensor], total: Tensor) -> None:
    told = f"{_PAIR}, and each adds its own phi[0] to its state: they end at 6.5 and 1.5"
    others = [_pes(answer, states=pair) for pair in ((tensor(7.0), _STATES[1]), (_STATES[0], tensor(3.0)))]
    for member, other in zip(("plus", "minus"), others, strict=True):
        if near(other, (gradient, states, total)):
            raise Mistake(
                "shares_state",
                f"{_PAIR}. When the state of the {member} member is 2 more, all that you return stays as it is: this "
                f"state is never used. {_APART}",
            )
    if any(near(other[0], gradient) for other in others):
        raise Mistake(
            "shares_state",
            f"{_PAIR}. When one of these states is 2 more, your gradient stays {show(gradient)}. {_APART}",
        )
    if near(states, _STATES):
        raise Mistake(
            "hands_on_old_states",
            f"{told}. You hand on 5 and 1, the states that came in, so that every segment would be the first one. Hand "
            "on what `segment` returns.",
        )
    if near(gradient, -56 * _NOW):
        raise Mistake(
            "minus_minus_plus",
            f"{_SUM}. The gradient is [112, 0]; yours, {show(gradient)}, points the other way. The plus member moves "
            "by + sigma z, and its loss comes first: plus minus minus.",
        )
    if near(states[0], states[1]):
        raise Mistake(
            "shares_state",
            f"{told}. You hand on {show(states[0])} for both: from the next segment on, they would share their state, "
            "and what the noise has done so far is lost. Hand on a state for each.",
        )
    if near(states, (tensor(8.0), tensor(0.0))):
        raise Mistake(
            "perturbs_by_the_sum",
            f"{told}. Yours end at 8 and 0: `phi` was moved by the whole sum of the noise. The sum of earlier noise is "
            "in the states already. In this segment `phi` is moved by this segment's noise alone, and only the "
            "difference of the losses is multiplied by the sum.",
        )
    expect_close(states, (tensor(6.5), tensor(1.5)), f"{told}. The pair of states that you return, its part ")


def _name_the_noise(gradient: Tensor, total: Tensor) -> None:
    told = f"{_SUM}. The losses are 17.5 and 10.5, their difference over 2 sigma squared is 56, the gradient [112, 0]"
    for name, wrong, says in (
        (
            "current_noise_only",
            56 * _NOISE,
            "is 56 times the noise of this segment. But earlier noise made the states, and so the losses, differ as "
            "well. Leave it out, and what a parameter does to later segments is never counted: that is truncated "
            "evolution strategies, with the bias of a truncated gradient. Multiply by the sum",
        ),
        (
            "adds_too_late",
            56 * _BEFORE,
            "is 56 times the sum before this segment. Its own noise is felt in it, too: add it first, and then "
            "multiply. In the first segment of a training you would return 0",
        ),
        (
            "divides_by_sigma",
            14 * _NOW,
            "is sigma times that. The sum consists of sigma * z, so there is a sigma in the difference of the losses "
            "and one in the sum: divide by 2 sigma squared",
        ),
    ):
        if near(gradient, wrong):
            raise Mistake(name, f"{told}. Your {show(gradient)} {says}.")
    expect_close(gradient, 56 * _NOW, f"{told}. The gradient that you return")
    if near(total, _NOISE) or near(total, torch.zeros(2)):
        raise Mistake(
            "current_noise_only",
            f"{_SUM}. You return the total {show(total)}, so that the next segment knows nothing of the noise before "
            "this one, although the training goes on: `over` is False. Return the sum of all of it, [2, 0].",
        )
    if near(total, _BEFORE):
        raise Mistake(
            "adds_too_late",
            f"{_SUM}. You return the total as it came, {show(total)}: the noise of this segment is missing from it "
            "when the next one begins.",
        )
    expect_close(total, _NOW, f"{_SUM}. The total that you return")


def _expect_reset(answer: Answer, before: Tensor) -> None:
    gradient, states, total = _pes(answer, over=True)
    if near(gradient, torch.zeros(2)) or near(gradient, 56 * _NOISE):
        raise Mistake(
            "resets_too_early",
            f"In the last segment of a training, `over` is True, you return the gradient {show(gradient)}; in any "
            f"other, with the same numbers, it was {show(before)}. The sum was set back before it was used. The last "
            "segment, too, is made of all the noise before it: set back only what you hand on.",
        )
    expect_close(gradient, before, "the gradient of the last segment, which is formed as in any other")
    expect_close(states, (tensor(0.0), tensor(0.0)), "the states of a new training, which `segment` returns")
    if near(total, _NOW) or near(total, _NOISE):
        raise Mistake(
            "never_reset",
            f"`over` is True: the training has ended, and both members begin a new one. You still hand on the total "
            f"{show(total)}. What follows owes nothing to that noise; carried along, it makes the estimates noisier "
            "with every training. Hand on zeros.",
        )
    expect_close(total, torch.zeros(2), "the total after the last segment of a training")


def _expect_any_state(answer: Answer) -> None:
    """A state is whatever `segment` takes, and phi may be a single number in float64."""
    phi, z = tensor([0.5], dtype=torch.float64), tensor([1.0], dtype=torch.float64)

    def segment(phi: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor], bool]:
        w = state["w"] * (1 - phi)
        return w.square().sum(), {"w": w}, False

    states = ({"w": tensor([2.0, 1.0], dtype=torch.float64)}, {"w": tensor([1.0, 3.0], dtype=torch.float64)})
    (plus, left, _), (minus, right, _) = segment(phi + 0.1, states[0]), segment(phi - 0.1, states[1])
    want = ((plus - minus) / 0.02 * (0.1 * z + 0.3), (left, right), 0.1 * z + 0.3)
    got = answer(segment, phi, states, 0.3 * torch.ones_like(phi), 0.1, z, like=want)
    expect_close(got, want, "a segment whose state is a dict; what you return")


def _expect_whole_training(answer: Answer) -> None:
    """Three segments, the state grows by phi in each and is the loss: 6 phi in all, and every sign of noise once."""
    zero, sums = torch.zeros(1, dtype=torch.float64), []

    def segment(phi: Tensor, state: tuple[Tensor, int]) -> tuple[Tensor, tuple[Tensor, int], bool]:
        place, done = state[0] + phi[0], state[1] + 1
        return place, (zero[0], 0) if done == 3 else (place, done), done == 3

    states, total = ((zero[0], 0), (zero[0], 0)), zero
    for signs in itertools.product((1.0, -1.0), repeat=3):
        gradient = zero
        for sign in signs:
            step, states, total = answer(segment, zero + 2, states, total, 0.1, zero + sign)
            gradient = gradient + step
        sums.append(gradient)
    told = "Three segments add up to the loss 6 phi. The mean of your gradients' sums, over all signs of the noise"
    expect_close(torch.stack(sums).mean(0), zero + 6, told)

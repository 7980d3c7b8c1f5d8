"""Checks for lesson 09, when you cannot backpropagate."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show

Loss = Callable[[Tensor], Tensor]
Segment = Callable[[Tensor, Any], tuple[Tensor, Any, bool]]


def _curved(phi: Tensor) -> Tensor:
    return phi[0] ** 2 + 3 * phi[1]


def _bowl(phi: Tensor) -> Tensor:
    return phi[0] ** 2 + 2 * phi[1] ** 2


def _stairs(phi: Tensor) -> Tensor:
    return torch.round(4 * phi).sum()


_PHI, _SIGMA, _Z = tensor([1.0, 2.0]), 0.25, tensor([[1.0, 1.0], [1.0, -1.0]])
_UNEVEN = tensor([[1.0, 0.0], [2.0, 1.0], [1.0, -1.0], [0.0, 2.0]])
_SAID = (
    "The loss is phi[0]^2 + 3 phi[1], phi = [1, 2], sigma = 0.25 and z = [[1, 1], [1, -1]]. The first pair has the "
    "losses 8.3125 and 5.8125, the second 6.8125 and 7.3125; together they give [2, 3], the gradient itself."
)


@exercise(
    lesson="09",
    title="a gradient from losses alone",
    minutes=8,
    difficulty=2,
    mistakes=(
        "divides_by_sigma",
        "multiplies_by_z",
        "different_noise",
        "no_baseline",
        "one_sided",
        "forgets_the_half",
        "sums_pairs",
        "wrong_sign",
        "ignores_z",
        "backpropagates",
    ),
    hints=(
        "Two points lie at the same distance on either side of `phi`. What do their losses say about the slope between "
        "them, and what would each alone say?",
        "For each row of `z` the perturbation is that row times sigma. Both members of the pair use the same one, once "
        "added, once subtracted. The difference of their losses, over 2 sigma squared, says how much of the "
        "perturbation goes into the estimate; then take the mean over pairs.",
        "For each `e` of `sigma * z`, add up `(loss(phi + e) - loss(phi - e)) / (2 * sigma**2) * e`, and divide the "
        "sum by `len(z)`.",
    ),
)
def es_gradient(answer: Answer) -> str:
    got = answer(_curved, _PHI, _SIGMA, _Z, like=_PHI)
    again = answer(_curved, _PHI, _SIGMA, _Z, like=_PHI)
    at_bottom = answer(_bowl, torch.zeros(2), _SIGMA, _UNEVEN, like=_PHI)
    if not near(got, again):
        _name_the_draws(got, again, at_bottom)
    if near(answer(_stairs, _PHI, _SIGMA, _Z, like=_PHI), torch.zeros(2)):
        raise Mistake(
            "backpropagates",
            "For a loss that climbs in steps, four to a unit, you return 0: that is its derivative on every single "
            "step, so you ask autograd, which is what cannot be done here. Compare the losses on both sides of `phi`, "
            "and the steps between them count.",
        )
    _name_the_difference(answer, got, at_bottom)
    _name_the_factor(answer, got)
    expect_close(got, tensor([2.0, 3.0]), _SAID[:-1])
    one = answer(_curved, _PHI, _SIGMA, _Z[:1], like=_PHI)
    if not near(one[0], one[1]):
        raise Mistake(
            "ignores_z",
            f"With the single pair z = [[1, 1]] you return {show(one)}. Whoever looked in the direction [1, 1] alone "
            "can only know of a slope along it, [5, 5]. Did you look elsewhere, along one coordinate at a time, say? "
            "That takes two losses for each coordinate, and phi may have thousands: use the rows of `z`.",
        )
    expect_close(one, tensor([5.0, 5.0]), "the estimate by the single pair z = [[1, 1]]")
    _expect_exact_on_a_plane(answer)
    _expect_right_on_average(answer)
    return "no derivative was taken, and on average it is the gradient."


def _es(loss: Loss, phi: Tensor, sigma: float, z: Tensor) -> Tensor:
    """An estimate by each pair, shape (pairs, d)."""
    return torch.stack([(loss(phi + e) - loss(phi - e)) / (2 * sigma**2) * e for e in sigma * z])


def _name_the_draws(got: Tensor, again: Tensor, at_bottom: Tensor) -> None:
    told = f"The same `phi`, `sigma` and `z` gave {show(got)} and then {show(again)}: you draw noise of your own"
    if near(at_bottom, torch.zeros(2)):
        raise Mistake(
            "ignores_z",
            f"{told}. All of it is in `z`, so that an estimate can be repeated, and so that others may choose it.",
        )
    raise Mistake(
        "different_noise",
        f"{told}, and at the bottom of a bowl, phi = [0, 0], where both members of a pair have the same loss, you "
        f"find the slope {show(at_bottom)}. The minus member takes the very noise of the plus member, subtracted.",
    )


def _name_the_difference(answer: Answer, got: Tensor, at_bottom: Tensor) -> None:
    """What should cancel: a constant in the loss, and the two sides of a bowl."""
    lifted = answer(lambda phi: _curved(phi) + 16, _PHI, _SIGMA, _Z, like=_PHI)
    if not near(got, lifted):
        raise Mistake(
            "no_baseline",
            f"{_SAID} You return {show(got)}, and {show(lifted)} when 16 is added to the loss, though that changes no "
            "slope: losses go into your estimate as they are. On average it may be right, but what it mostly measures "
            "is how large the loss is. Subtract the loss of the other member of the pair.",
        )
    if near(at_bottom, torch.zeros(2)):
        return
    told = (
        "At the bottom of the bowl phi[0]^2 + 2 phi[1]^2, phi = [0, 0], both members of any pair have the same loss, "
        f"and the slope is 0. Yours is {show(at_bottom)}"
    )
    halves = [
        answer(lambda phi, side=side: torch.relu(side * (2 * phi[0] + phi[1])), torch.zeros(2), _SIGMA, _UNEVEN)
        for side in (1, -1)
    ]
    if any(near(half, torch.zeros(2)) for half in halves):
        raise Mistake(
            "one_sided",
            f"{told}, for you compare one member of each pair with `phi` itself and never look at the other side. On "
            "average that comes right, but curvature goes into every single estimate as noise. Compare the two "
            "members: loss(phi + e) - loss(phi - e).",
        )
    raise Mistake(
        "different_noise",
        f"{told}, for the two members that you compare did not take opposite steps. Each pair has one row of `z`: add "
        "it for one member, subtract the same one for the other.",
    )


def _name_the_factor(answer: Answer, got: Tensor) -> None:
    right = tensor([2.0, 3.0])
    for name, factor, says in (
        (
            "divides_by_sigma",
            _SIGMA,
            "is sigma times that, too small. The perturbation is sigma * z, so a sigma is in the loss difference, and "
            "another in the perturbation that it is multiplied by: divide by 2 sigma squared. (Adam hides this "
            "mistake, because it does not care how long a gradient is.)",
        ),
        (
            "multiplies_by_z",
            1 / _SIGMA,
            "is 1 / sigma times that, too large: the difference was divided by 2 sigma squared, but multiplied by z. "
            "Multiply by the perturbation, sigma * z.",
        ),
        ("wrong_sign", -1.0, "points downhill. A gradient points to where the loss grows: plus member minus minus."),
    ):
        if near(got, factor * right):
            raise Mistake(name, f"{_SAID} Your {show(got)} {says}")
    if not near(got, 2 * right):
        return
    if near(answer(_curved, _PHI, _SIGMA, _Z[:1], like=_PHI), tensor([5.0, 5.0])):
        raise Mistake(
            "sums_pairs",
            f"{_SAID} Your {show(got)} is the sum over the two pairs. With more pairs, the estimate would grow instead "
            "of getting better: take the mean.",
        )
    raise Mistake(
        "forgets_the_half",
        f"{_SAID} Your {show(got)} is twice that. From one member of a pair to the other it is two perturbations, not "
        "one: divide by 2 sigma squared.",
    )


def _expect_exact_on_a_plane(answer: Answer) -> None:
    """Orthogonal rows of length sqrt(d) see every direction equally: on a linear loss nothing is left to chance."""
    pair = tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    slope = tensor([3.0, -1.0, 0.5, 2.0], dtype=torch.float64)
    got = answer(lambda phi: phi @ slope + 7, torch.ones_like(slope), 0.1, torch.kron(pair, pair), like=slope)
    expect_close(got, slope, "the slope of a plane, by four orthogonal rows of z")


def _expect_right_on_average(answer: Answer) -> None:
    generator = torch.Generator().manual_seed(0)
    w, y, z = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((3, 3), (3,), (2000, 3)))
    phi = torch.linspace(-1, 1, 3, dtype=torch.float64)

    def quadratic(phi: Tensor) -> Tensor:
        return (w @ phi - y).square().sum()

    exact, each = 2 * w.T @ (w @ phi - y), _es(quadratic, phi, 0.3, z)
    got = answer(quadratic, phi, 0.3, z, like=phi)
    expect_close(got, each.mean(0), "the estimate by 2000 pairs, for a quadratic loss of 3 numbers")
    off = ((got - exact) / (each.std(0) / math.sqrt(len(z)))).abs().max()
    if off > 5:
        raise Mistake("wrong_value", f"By 2000 pairs you get {show(got)}; the exact gradient is {show(exact)}.")
    few = answer(lambda phi: torch.sin(phi).prod(), phi, 0.5, z[:3], like=phi)
    expect_close(few, _es(lambda phi: torch.sin(phi).prod(), phi, 0.5, z[:3]).mean(0), "3 pairs on a product of sines")


_BEFORE, _NOISE, _NOW = tensor([1.5, 0.5]), tensor([0.5, -0.5]), tensor([2.0, 0.0])
_STATES = (tensor(5.0), tensor(1.0))
_PAIR = (
    "Here phi = [1, 2], sigma = 0.25 and z = [2, -2], so that this segment's noise is [0.5, -0.5], and the two members "
    "begin it at the states 5 and 1"
)
_SUM = f"{_PAIR}. The total came in as [1.5, 0.5] and is now [2, 0]"


def _drift(over: bool) -> Segment:
    """The state moves by phi[0], the loss is 2 state + 3 phi[1]; a training that is over goes back to state 0."""

    def segment(phi: Tensor, state: Tensor) -> tuple[Tensor, Tensor, bool]:
        state = state + phi[0]
        return 2 * state + 3 * phi[1], torch.zeros(()) if over else state, over

    return segment


def _pes(answer: Answer, over: bool = False, states: tuple[Tensor, Tensor] = _STATES) -> Any:
    like = (_PHI, _STATES, _PHI)
    return answer(_drift(over), _PHI, states, _BEFORE, _SIGMA, tensor([2.0, -2.0]), like=like)


@exercise(
    lesson="09",
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
    _name_the_states(answer, gradient, states)
    _name_the_noise(gradient, total)
    _expect_reset(answer, gradient)
    _expect_any_state(answer)
    _expect_whole_training(answer)
    return "every segment is followed by a step, and the noise of earlier ones is not forgotten."


def _name_the_states(answer: Answer, gradient: Tensor, states: tuple[Tensor, Tensor]) -> None:
    told = f"{_PAIR}, and each adds its own phi[0] to its state: they end at 6.5 and 1.5"
    others = [_pes(answer, states=pair)[0] for pair in ((tensor(7.0), _STATES[1]), (_STATES[0], tensor(3.0)))]
    for member, other in zip(("plus", "minus"), others, strict=True):
        if near(other, gradient):
            raise Mistake(
                "shares_state",
                f"{_PAIR}. When the state of the {member} member is 2 more, your gradient remains {show(gradient)}: "
                "this state is never used. After the first segment the members are in different places, and that is "
                "how earlier noise is felt later on. Each goes on from its own state.",
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
    expect_close(states, (tensor(6.5), tensor(1.5)), f"{told}. The states that you return")


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


@exercise(
    lesson="09",
    title="is it biased?",
    minutes=6,
    difficulty=1,
    mistakes=(
        "absolute_errors",
        "no_sqrt_n",
        "divides_by_n",
        "one_standard_error",
        "spread_around_exact",
        "exact_minus_estimates",
    ),
    hints=(
        "Noise lies above the truth as often as below. What is left of it when the differences are averaged, and what "
        "if their signs are taken away first?",
        "The mean of the differences, with their signs, is one number. How well it is known depends on how far the "
        "estimates lie from each other, and on how many there are: four times as many, half the interval.",
        "`errors = estimates - exact`, and return `errors.mean()` and `1.96 * errors.std() / len(errors) ** 0.5`.",
    ),
)
def bias(answer: Answer) -> str:
    like, estimates = (tensor(0.0), tensor(0.0)), tensor([1.0, 5.0]).repeat(50)
    centered, half_centered = answer(estimates, tensor(3.0), like=like)
    if not near(centered, 0.0):
        _name_what_never_cancels(centered, answer(estimates, tensor(5.0), like=like)[0])
    mean, half = answer(estimates, tensor(5.0), like=like)
    told = "Of 100 estimates, 50 are 1 and 50 are 5, and the exact value is 5"
    if near(mean, 2.0):
        raise Mistake(
            "exact_minus_estimates",
            f"{told}: the estimates are too low, by 2 on average, but your bias is +2. It says how far they lie above "
            "the truth: subtract the exact value from the estimates, and keep the sign.",
        )
    expect_close(mean, -2.0, f"{told}. The bias")
    if not near(half, half_centered):
        raise Mistake(
            "spread_around_exact",
            f"{told}: you return ± {show(half.item())}. With the same estimates and the exact value 3, it was ± "
            f"{show(half_centered.item())}. How well their mean is known does not depend on where the truth lies: take "
            "the standard deviation of the estimates around their own mean.",
        )
    _name_the_width(half, answer(estimates.repeat(4), tensor(5.0), like=like)[1], told)
    expect_close(half, 1.96 * 2 / 10, f"{told}. Half the width of the 95% interval (to 3%)", rtol=0.03)
    skewed = torch.linspace(-1, 2, 60, dtype=torch.float64).exp()
    got = answer(skewed, tensor(1.5, dtype=torch.float64), like=(skewed[0], skewed[0]))
    want = skewed.mean() - 1.5, 1.96 * skewed.std() / math.sqrt(60)
    expect_close(got, want, "60 other estimates, (bias, half-width) to 3%", rtol=0.03)
    return "a bias counts when its interval does not hold 0."


def _name_what_never_cancels(centered: Tensor, off: Tensor) -> None:
    told = "Of 100 estimates, 50 are 1 and 50 are 5, and the exact value is 3"
    if centered > 0 and off > 0:
        raise Mistake(
            "absolute_errors",
            f"{told}: on average they are right, and the bias is 0. Yours is {show(centered.item())}, because every "
            "error counts as positive, and nothing can cancel. That measures noise and bias together, and would call "
            "every noisy estimator biased. Keep the signs.",
        )
    expect_close(centered, 0.0, f"{told}. The bias")


def _name_the_width(half: Tensor, of_more: Tensor, told: str) -> None:
    """`of_more` comes from four times as many estimates."""
    right = 1.96 * 2 / 10
    if of_more > 0.75 * half:
        raise Mistake(
            "no_sqrt_n",
            f"{told}: ± {show(half.item())}, and for 400 such estimates ± {show(of_more.item())}. That is how far "
            "single estimates lie from each other. The mean of many is known better, by the square root of their "
            "number: four times as many, half the interval.",
        )
    if of_more < 0.35 * half:
        raise Mistake(
            "divides_by_n",
            f"{told}: ± {show(half.item())}, and for 400 such estimates ± {show(of_more.item())}, a quarter. An "
            "average of four times as many is twice as good, not four times: divide by the square root of n, or chance "
            "will soon look like bias.",
        )
    if near(1.96 * half, right, rtol=0.03):
        raise Mistake(
            "one_standard_error",
            f"{told}: ± {show(half.item())} is one standard error. An interval of that width misses the truth in one "
            "of three experiments; for one of twenty, take 1.96 of them.",
        )


@exercise(
    lesson="09",
    title="noise or bias?",
    minutes=6,
    difficulty=2,
    stretch=True,
    mistakes=(
        "adds_bias",
        "bias_averages_out",
        "forgets_cost",
        "cost_upside_down",
        "takes_the_root",
    ),
    hints=(
        "You average a thousand estimates instead of ten. Which part of their error shrinks, and which part do they "
        "all have in common?",
        "The mean squared error of an average of n estimates is the square of the bias, plus the variance over n. How "
        "many estimates does the budget buy?",
        "`n = budget / cost`, and return `bias**2 + variance / n`.",
    ),
)
def error_at_equal_cost(answer: Answer) -> str:
    unbiased = answer(0.0, 12.0, 2.0, 6.0, like=0.0)
    _name_the_cost(answer, unbiased)
    without_noise = [answer(-3.0, 0.0, 2.0, budget, like=0.0) for budget in (6.0, 60.0)]
    _name_the_bias(*without_noise)
    expect_close(unbiased, 4.0, "bias 0, variance 12, cost 2 and budget 6: three estimates, so the error")
    for value in without_noise:
        expect_close(value, 9.0, "bias -3 and variance 0: the error, whatever the budget")
    expect_close(answer(2.0, 12.0, 0.5, 4.0, like=0.0), 5.5, "bias 2, variance 12, cost 0.5 and budget 4: the error")
    budgets = tensor([1.0, 2.5, 10.0])
    many = answer(2.0, 12.0, 0.5, budgets, like=budgets)
    expect_close(many, tensor([10.0, 6.4, 4.6]), f"bias 2, variance 12, cost 0.5 and the budgets {show(budgets)}")
    return "money buys off the noise, and the bias stays."


def _name_the_cost(answer: Answer, unbiased: float) -> None:
    told = "Without bias, with variance 12 and cost 2, a budget of 6 buys three estimates: the error is 12 / 3 = 4"
    if near(unbiased, 2.0) and near(answer(0.0, 12.0, 4.0, 48.0, like=0.0), 1.0):
        raise Mistake(
            "takes_the_root",
            f"{told}. You return {show(unbiased)}, its root. The mean squared error is asked for, in which bias and "
            "noise simply add up; whoever adds roots gets another number.",
        )
    dearer, richer = answer(0.0, 12.0, 4.0, 6.0, like=0.0), answer(0.0, 12.0, 2.0, 12.0, like=0.0)
    if near(dearer, unbiased):
        raise Mistake(
            "forgets_cost",
            f"{told}. You return {show(unbiased)}, and the same at cost 4. An estimator that is dearer gets fewer "
            "estimates for its money, and so more noise: n is budget / cost.",
        )
    if dearer < unbiased or richer > unbiased:
        raise Mistake(
            "cost_upside_down",
            f"{told}. You return {show(unbiased)}; at twice the cost you return {show(dearer)}, on twice the budget "
            f"{show(richer)}. But a higher cost buys fewer estimates, and a larger budget more: n is budget / cost.",
        )


def _name_the_bias(poor: float, rich: float) -> None:
    told = "A bias of -3 and no noise at all: the error is 9"
    if not near(poor, rich):
        raise Mistake(
            "bias_averages_out",
            f"{told}. You return {show(poor)} on a budget of 6, and {show(rich)} on one of 60. All estimates have the "
            "bias in common, so their average has it, too, however many there are. Only the variance is divided by n.",
        )
    if near(abs(poor), 3.0):
        raise Mistake(
            "adds_bias",
            f"{told}. You return {show(poor)}. Variance is made of squares, and a bias of -3 in a squared error counts "
            "as its square: bias**2.",
        )

"""The check of exercise 9.1, es_gradient."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, instead_of, near, show
from metalearn_course.classroom.checks.lesson_09.shared import PHI, SIGMA, Z

Loss = Callable[[Tensor], Tensor]


def _curved(phi: Tensor) -> Tensor:
    return phi[0] ** 2 + 3 * phi[1]


def _bowl(phi: Tensor) -> Tensor:
    return phi[0] ** 2 + 2 * phi[1] ** 2


def _stairs(phi: Tensor) -> Tensor:
    return torch.round(4 * phi).sum()


_UNEVEN = tensor([[1.0, 0.0], [2.0, 1.0], [1.0, -1.0], [0.0, 2.0]])
_ZEROS = (
    "Where a row of z is [1, 0] you return NaN or infinity: you divide by the perturbation itself, and one coordinate "
    "of it is 0. (A tiny one would be as bad.) The difference of the losses is divided by a number that is the same "
    "for all rows, and MULTIPLIED by the perturbation."
)
_SAID = (
    "The loss is phi[0]^2 + 3 phi[1], phi = [1, 2], sigma = 0.25 and z = [[1, 1], [1, -1]]. The first pair has the "
    "losses 8.3125 and 5.8125, the second 6.8125 and 7.3125; together they give [2, 3], the gradient itself."
)


@exercise(
    lesson="09",
    number=1,
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
        "all_pairs_at_once",
        "divides_by_z",
        "divides_by_length",
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
    _expect_one_at_a_time(answer)
    got = answer(_curved, PHI, SIGMA, Z, like=PHI)
    again = answer(_curved, PHI, SIGMA, Z, like=PHI)
    with instead_of("not_finite", "divides_by_z", _ZEROS):
        at_bottom = answer(_bowl, torch.zeros(2), SIGMA, _UNEVEN, like=PHI)
    if not near(got, again):
        _name_the_draws(got, again, at_bottom)
    if near(answer(_stairs, PHI, SIGMA, Z, like=PHI), torch.zeros(2)):
        raise Mistake(
            "backpropagates",
            "For a loss that climbs in steps, four to a unit, you return 0: that is its derivative on every single "
            "step, so you ask autograd, which is what cannot be done here. Compare the losses on both sides of `phi`, "
            "and the steps between them count.",
        )
    _name_the_difference(answer, got, at_bottom)
    _name_the_factor(answer, got)
    expect_close(got, tensor([2.0, 3.0]), _SAID[:-1])
    one = answer(_curved, PHI, SIGMA, Z[:1], like=PHI)
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


def _expect_one_at_a_time(answer: Answer) -> None:
    shapes = []

    def watched(phi: Tensor) -> Tensor:
        shapes.append(tuple(phi.shape))
        return _curved(phi)

    def batched() -> tuple[int, ...] | None:
        return next((shape for shape in shapes if shape != tuple(PHI.shape)), None)

    try:
        answer(watched, PHI, SIGMA, Z)
    except Mistake:
        if batched() is None:
            raise
    if batched() is not None:
        raise Mistake(
            "all_pairs_at_once",
            f"`loss` takes one point, here of shape (2,); you called it with shape {batched()}. (The lesson's loss "
            "takes a stack of rates; this one need not.) Call it for each row of `z` by itself, in a loop or by "
            "`torch.func.vmap(loss)`.",
        )


def _es(loss: Loss, phi: Tensor, sigma: float, z: Tensor) -> Tensor:
    """An estimate by each pair, shape (pairs, m)."""
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
    lifted = answer(lambda phi: _curved(phi) + 16, PHI, SIGMA, Z, like=PHI)
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
        answer(lambda phi, side=side: torch.relu(side * (2 * phi[0] + phi[1])), torch.zeros(2), SIGMA, _UNEVEN)
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
            SIGMA,
            "is sigma times that, too small. The perturbation is sigma * z, so a sigma is in the loss difference, and "
            "another in the perturbation that it is multiplied by: divide by 2 sigma squared. (Adam hides this "
            "mistake, because it does not care how long a gradient is.)",
        ),
        (
            "multiplies_by_z",
            1 / SIGMA,
            "is 1 / sigma times that, too large: the difference was divided by 2 sigma squared, but multiplied by z. "
            "Multiply by the perturbation, sigma * z.",
        ),
        (
            "divides_by_length",
            0.5,
            "is half that: the difference was divided by the squared length of its own perturbation, which is 2 sigma "
            "squared here. The slope along one direction is right then, but on average only one of m directions is "
            "seen, an m-th of the gradient. Divide by 2 sigma squared, whatever the row.",
        ),
        ("wrong_sign", -1.0, "points downhill. A gradient points to where the loss grows: plus member minus minus."),
    ):
        if near(got, factor * right):
            raise Mistake(name, f"{_SAID} Your {show(got)} {says}")
    if not near(got, 2 * right):
        return
    if near(answer(_curved, PHI, SIGMA, Z[:1], like=PHI), tensor([5.0, 5.0])):
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
    """Orthogonal rows of length sqrt(m) see every direction equally: on a linear loss nothing is left to chance."""
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

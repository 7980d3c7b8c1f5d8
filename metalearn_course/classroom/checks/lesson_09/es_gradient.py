"""The check of exercise 9.1, es_gradient."""

from collections.abc import Callable

import torch
from torch import Tensor, tensor, zeros

from ..at_random import Draw, at_random
from ..kit import Answer, Case, Check, Mistake, equals, fails, looks, near, rival, rivals, same

Loss = Callable[[Tensor], Tensor]


def es_gradient(loss: Loss, phi: Tensor, sigma: float, z: Tensor) -> Tensor:
    return torch.stack([(loss(phi + e) - loss(phi - e)) / (2 * sigma**2) * e for e in sigma * z]).mean(0)


def curved(phi: Tensor) -> Tensor:
    return phi[0] ** 2 + 3 * phi[1]


def stack_met(function: Answer, phi: Tensor, sigma: float, z: Tensor) -> tuple[int, ...] | None:
    """The first shape with which the loss was called although it takes one point."""
    shapes = []

    def watched(point: Tensor) -> Tensor:
        shapes.append(tuple(point.shape))
        return curved(point)

    try:
        function(watched, phi, sigma, z, like=phi)
    except Mistake:
        if {*shapes} <= {tuple(phi.shape)}:
            raise
    return next((shape for shape in shapes if shape != tuple(phi.shape)), None)


def flat(got: Tensor) -> bool:
    return near(got, zeros(2))


def sum_of_pairs(got: Tensor, want: Tensor, one: Tensor) -> bool:
    """Twice what is right for two pairs, and right for one of them."""
    return near(got, 2 * want) and near(one, tensor([5.0, 5.0]))


def by_its_length(loss: Loss, phi: Tensor, sigma: float, z: Tensor) -> Tensor:
    return torch.stack([(loss(phi + e) - loss(phi - e)) / (2 * e @ e) * e for e in sigma * z]).mean(0)


def any_loss(draw: Draw) -> Case:
    w = draw.normal(4)
    return Case(loss=lambda phi: (phi @ w).sin(), phi=draw.normal(4), sigma=draw.number(0.3, 0.6), z=draw.normal(5, 4))


def quadratic() -> Case:
    """A bowl of three numbers, and 2000 pairs."""
    generator = torch.Generator().manual_seed(0)
    w, y, z = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((3, 3), (3,), (2000, 3)))
    return Case(loss=lambda phi: (w @ phi - y).square().sum(), phi=torch.linspace(-1, 1, 3).double(), sigma=0.3, z=z)


PHI, PAIRS = tensor([1.0, 2.0]), tensor([[1.0, 1.0], [1.0, -1.0]])
STACKS, CURVED = Case(stack_met, phi=PHI, sigma=0.25, z=PAIRS), Case(loss=curved, phi=PHI, sigma=0.25, z=PAIRS)
AGAIN, ONE_PAIR, LIFTED = CURVED.but(), CURVED.but(z=PAIRS[:1]), CURVED.but(loss=lambda phi: curved(phi) + 16)
STAIRS = CURVED.but(loss=lambda phi: torch.round(4 * phi).sum())
UNEVEN = tensor([[1.0, 0.0], [2.0, 1.0], [1.0, -1.0], [0.0, 2.0]])
BOTTOM = Case(loss=lambda phi: phi[0] ** 2 + 2 * phi[1] ** 2, phi=zeros(2), sigma=0.25, z=UNEVEN)
LEFT, RIGHT = (BOTTOM.but(loss=lambda phi, side=side: torch.relu(side * (2 * phi[0] + phi[1]))) for side in (-1, 1))
# Orthogonal rows of length sqrt(m) see every direction equally: on a linear loss nothing is left to chance.
SLOPE, ROWS = tensor([3.0, -1.0, 0.5, 2.0]).double(), torch.kron(PAIRS, PAIRS).double()
PLANE = Case(loss=lambda phi: phi @ SLOPE + 7, phi=torch.ones_like(SLOPE), sigma=0.1, z=ROWS)
MANY = quadratic()
FEW = MANY.but(loss=lambda phi: phi.sin().prod(), sigma=0.5, z=MANY.inputs["z"][:3])

CHECK = Check(
    es_gradient,
    looks(STACKS, "all_pairs_at_once", lambda got: got and {"shape": got}),
    fails(BOTTOM, "divides_by_z", "not_finite"),
    looks(
        CURVED,
        "ignores_z/draws",
        lambda got, again, bottom: not near(got, again) and flat(bottom),
        again=AGAIN,
        bottom=BOTTOM,
    ),
    looks(CURVED, "different_noise/draws", lambda got, again: not near(got, again), again=AGAIN, bottom=BOTTOM),
    looks(STAIRS, "backpropagates", flat),
    same(CURVED, LIFTED, "no_baseline"),
    looks(
        BOTTOM,
        "one_sided",
        lambda got, left, right: not flat(got) and (flat(left) or flat(right)),
        left=LEFT,
        right=RIGHT,
    ),
    equals(BOTTOM, key="different_noise"),
    rivals(
        CURVED,
        {
            "divides_by_sigma": lambda want, sigma: sigma * want,
            "multiplies_by_z": lambda want, sigma: want / sigma,
            "divides_by_length": by_its_length,
            "wrong_sign": lambda want: -want,
        },
        also=(FEW,),
    ),
    looks(CURVED, "sums_pairs", sum_of_pairs, one=ONE_PAIR),
    rival(CURVED, "forgets_the_half", lambda want: 2 * want, also=(FEW,)),
    equals(CURVED, "{pairs}, the gradient itself"),
    looks(ONE_PAIR, "ignores_z", lambda got: not near(got[0], got[1])),
    equals(ONE_PAIR, "the estimate by the single pair z = [[1, 1]]"),
    equals(PLANE, "the slope of a plane, by four orthogonal rows of z"),
    equals(MANY, "the estimate by 2000 pairs, for a quadratic loss of 3 numbers"),
    equals(FEW, "3 pairs on a product of sines"),
    at_random(any_loss, what="5 pairs at {phi}, sigma = {sigma}", rtol=1e-3),
)

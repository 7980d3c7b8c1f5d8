"""The check of exercise 7.7, depends_on_neighbors."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, show


@exercise(
    lesson="07",
    number=7,
    title="does it look at its neighbors?",
    minutes=8,
    difficulty=3,
    stretch=True,
    mistakes=(
        "compares_different_images",
        "exact_comparison",
        "only_permutes",
        "gradient_only",
        "compares_decisions",
        "asks_one_image",
        "misses_nan",
        "nan_is_not_nan",
    ),
    hints=(
        "What would an image's answer be if it were the only one in the batch?",
        "Ask about each image twice: among its neighbors, and without them. Compare the outputs themselves, not the "
        "classes that they choose, and leave room for rounding. `torch.allclose` takes a tolerance, and can treat NaN "
        "as equal to NaN.",
        "`alone = torch.cat([predictor(x[None]) for x in query])`, and `return not torch.allclose(alone, "
        "predictor(query), atol=1e-4, equal_nan=True)`.",
    ),
)
def depends_on_neighbors(answer: Answer) -> str:
    for mistake, predictor, wants, says in _PREDICTORS:
        if answer(predictor, _IMAGES, like=True) != wants:
            raise Mistake(mistake, f"You return {not wants} for a predictor {says}")
    pictures = torch.linspace(-1, 1, 48).reshape(3, 1, 4, 4).sin()
    for name, norm, wants in (
        ("batch norm in train mode", lambda x: F.batch_norm(x, None, None, training=True), True),
        ("batch norm in eval mode", lambda x: F.batch_norm(x, tensor([0.1]), tensor([2.0])), False),
        ("group norm", lambda x: F.group_norm(x, 1), False),
    ):
        got = answer(lambda x, norm=norm: torch.tanh(norm(x)).flatten(1)[:, :3], pictures, like=True)
        expect_close(got, wants, f"whether answers behind {name} depend on neighbors, for 3 images of 4 x 4")
    return "an experiment, not a declaration: the neighbors leave, and the answer stays or does not."


_IMAGES = tensor([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7], [-0.4, 1.2, 0.8], [0.2, -0.6, 1.1]])
_OUTPUTS = tensor([[1.0, -1.0], [0.5, 1.0], [-1.0, 0.5]])


def _pointwise(x: Tensor) -> Tensor:
    return torch.sin(x) @ _OUTPUTS


def _rounded_by_size(x: Tensor) -> Tensor:
    return _pointwise(x) * (1 + 3e-7 * len(x))


def _centered(x: Tensor) -> Tensor:
    return 4 * (x - 2 * x.mean(0)) @ _OUTPUTS


def _centered_unrecorded(x: Tensor) -> Tensor:
    return 4 * (x - 2 * x.mean(0).detach()) @ _OUTPUTS


def _nudged(x: Tensor) -> Tensor:
    return _pointwise(x) + 3 * x.mean()


def _after_the_others(x: Tensor) -> Tensor:
    return _pointwise(x) + (x.cumsum(0) - x) @ _OUTPUTS


def _before_the_others(x: Tensor) -> Tensor:
    return _after_the_others(x.flip(0)).flip(0)


def _scaled(x: Tensor) -> Tensor:
    return _pointwise((x - x.mean(0)) / x.std(0, correction=0))


def _rooted(x: Tensor) -> Tensor:
    return _pointwise((x + 0.65).sqrt())


def _moves(predictor: Callable[[Tensor], Tensor], image: int) -> str:
    alone, among = predictor(_IMAGES[image : image + 1])[0], predictor(_IMAGES)[image]
    return f"image {image} alone gets {show(alone, 3)}, and among its neighbors {show(among, 3)}"


_ONE_IMAGE = "Ask about every image, and change every neighbor."
_PREDICTORS = (
    (
        "compares_different_images",
        _pointwise,
        False,
        "that answers every row of `x` for itself. Did you compare the answers about two different images? Shuffled "
        "answers have to be put back in order, and the image that is asked about stays as it is while its neighbors "
        "change.",
    ),
    (
        "exact_comparison",
        _rounded_by_size,
        False,
        "that answers every row of `x` for itself, but for rounding: in a larger batch, sums are formed in another "
        "order, and answers differ in the seventh digit. Compare with `torch.allclose(..., atol=1e-4)`, not for "
        "equality.",
    ),
    (
        "only_permutes",
        _centered,
        True,
        f"that subtracts twice the mean of the batch from each image: {_moves(_centered, 0)}. Its answers move along "
        "when the batch is shuffled, for a mean does not care about order. Leave the neighbors out, or put others in "
        "their place.",
    ),
    (
        "gradient_only",
        _centered_unrecorded,
        True,
        f"that subtracts twice the mean of the batch, detached: {_moves(_centered_unrecorded, 0)}. No gradient shows "
        "it. Change the neighbors and look at the answer.",
    ),
    (
        "compares_decisions",
        _nudged,
        True,
        f"whose answers shift a little with the batch: {_moves(_nudged, 0)}. The larger output is the same "
        "one, so neither the chosen class nor any accuracy tells. Compare the outputs themselves.",
    ),
    (
        "asks_one_image",
        _after_the_others,
        True,
        f"whose answers take in the images earlier in the batch: {_moves(_after_the_others, 3)}. For image 0 nothing "
        f"changes. {_ONE_IMAGE}",
    ),
    (
        "asks_one_image",
        _before_the_others,
        True,
        f"whose answers take in the images later in the batch: {_moves(_before_the_others, 0)}. For image 3, the last, "
        f"nothing changes. {_ONE_IMAGE}",
    ),
    (
        "misses_nan",
        _scaled,
        True,
        f"that divides by the standard deviation of the batch, which is 0 for a single image: {_moves(_scaled, 0)}. "
        "NaN in place of a number is a change. But every comparison with NaN is false, `nan > 1e-4` as well: ask "
        "whether the answers are close, not whether they are far apart.",
    ),
    (
        "nan_is_not_nan",
        _rooted,
        False,
        f"that answers every row of `x` for itself, by square roots: {_moves(_rooted, 0)}. NaN both times is no "
        "change. But NaN equals nothing, not even itself, unless `torch.allclose` is told `equal_nan=True`.",
    ),
)

"""The check of exercise 7.7, depends_on_neighbors."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, tensor

from ..at_random import Draw, at_random
from ..kit import Case, Check, Rule, equals, looks, show

Predictor = Callable[[Tensor], Tensor]
IMAGES = tensor([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7], [-0.4, 1.2, 0.8], [0.2, -0.6, 1.1]])
PICTURES = torch.linspace(-1, 1, 48).reshape(3, 1, 4, 4).sin()
OUTPUTS = tensor([[1.0, -1.0], [0.5, 1.0], [-1.0, 0.5]])


def depends_on_neighbors(predictor: Predictor, query: Tensor) -> bool:
    alone = torch.cat([predictor(x[None]) for x in query])
    return not torch.allclose(alone, predictor(query), atol=1e-4, equal_nan=True)


def pointwise(x: Tensor) -> Tensor:
    return torch.sin(x) @ OUTPUTS


def after_the_others(x: Tensor) -> Tensor:
    return pointwise(x) + (x.cumsum(0) - x) @ OUTPUTS


def seen_through(key: str, predictor: Predictor, image: int = 0) -> Rule:
    """The answer about this predictor is wrong. The text can show what the predictor makes of an image."""
    alone, among = predictor(IMAGES[image : image + 1])[0], predictor(IMAGES)[image]
    seen = {"alone": show(alone, 5), "among": show(among, 5), "image": image}
    return looks(Case(predictor=predictor, query=IMAGES), key, lambda got, want: got != want and seen)


def for_pictures(name: str, norm: Predictor) -> Rule:
    case = Case(predictor=lambda x: torch.tanh(norm(x)).flatten(1)[:, :3], query=PICTURES)
    return equals(case, f"whether answers behind {name} depend on neighbors, for 3 images of 4 x 4")


def any_predictor(draw: Draw) -> Case:
    w, share = draw.normal(4, 2), draw.count(0, 1)
    return Case(predictor=lambda x: torch.tanh((x + share * x.mean(0)) @ w), query=draw.normal(6, 4))


ALONE, TOGETHER = (
    Case(predictor=predictor, query=IMAGES) for predictor in (pointwise, lambda x: pointwise(x) + 9 * len(x))
)

CHECK = Check(
    depends_on_neighbors,
    looks(ALONE, "compares_different_images", lambda got, then: got and then, then=TOGETHER),
    equals(ALONE, "whether answers that are formed row by row depend on neighbors"),
    seen_through("exact_comparison", lambda x: pointwise(x) + 3e-6 * min(len(x), 4)),
    seen_through("only_permutes", lambda x: 4 * (x - 2 * x.mean(0)) @ OUTPUTS),
    seen_through("gradient_only", lambda x: 4 * (x - 2 * x.mean(0).detach()) @ OUTPUTS),
    seen_through("compares_decisions", lambda x: pointwise(x) + 3 * x.mean()),
    seen_through("wrong_value/coarse", lambda x: pointwise(x) + 0.02 * x.mean()),
    seen_through("asks_one_image", after_the_others, image=3),
    seen_through("asks_one_image/the_last", lambda x: after_the_others(x.flip(0)).flip(0)),
    seen_through("misses_nan", lambda x: pointwise((x - x.mean(0)) / x.std(0, correction=0))),
    seen_through("nan_is_not_nan", lambda x: pointwise((x + 0.65).sqrt())),
    for_pictures("batch norm in train mode", lambda x: F.batch_norm(x, None, None, training=True)),
    for_pictures("batch norm in eval mode", lambda x: F.batch_norm(x, tensor([0.1]), tensor([2.0]))),
    for_pictures("group norm", lambda x: F.group_norm(x, 1)),
    at_random(any_predictor, what="whether the answers of another predictor depend on neighbors"),
)

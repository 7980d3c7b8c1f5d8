"""The check of exercise 10.4, linear_attention_step."""

from torch import Tensor, tensor

from ..at_random import Draw, at_random
from ..kit import Case, Check, differentiable, equals, rivals, shaped, vmappable


def linear_attention_step(x: Tensor, y: Tensor, query: Tensor, rate: float) -> Tensor:
    return rate * query @ (x.T @ y) / len(x)


def with_softmax(x: Tensor, y: Tensor, query: Tensor, rate: float) -> Tensor:
    return rate * (query @ x.T).softmax(-1) @ y


def softmax_and_mean(x: Tensor, y: Tensor, query: Tensor, rate: float) -> Tensor:
    return with_softmax(x, y, query, rate) / len(x)


def scaled_softmax(x: Tensor, y: Tensor, query: Tensor, rate: float) -> Tensor:
    return rate * (query @ x.T / x.shape[-1] ** 0.5).softmax(-1) @ y


def plain_softmax(x: Tensor, y: Tensor, query: Tensor) -> Tensor:
    return (query @ x.T).softmax(-1) @ y


def anything(draw: Draw) -> Case:
    n, d = draw.count(4, 7), draw.count(3, 5)
    return Case(
        x=draw.normal(n, d), y=draw.normal(n), query=draw.normal(draw.count(3, 6), d), rate=draw.number(0.2, 1.5)
    )


THREE = Case(
    x=tensor([[1.0, 0.0], [2.0, 1.0], [0.0, -1.0]]),
    y=tensor([1.0, 2.0, -1.0]),
    query=tensor([[1.0, 1.0], [2.0, -1.0]]),
    rate=0.6,
)
OTHER = THREE.but(
    x=tensor([[0.0, 1.0], [1.0, 1.0], [-1.0, 2.0]]), y=tensor([0.5, -1.0, 3.0]), query=tensor([[0.0, 2.0], [1.0, 3.0]])
)
SLOWER = THREE.but(rate=0.1)

CHECK = Check(
    linear_attention_step,
    shaped(THREE, "keeps_every_example", (2, 3), (3, 2)),
    rivals(
        THREE,
        {
            "softmax": [with_softmax, softmax_and_mean, scaled_softmax, plain_softmax],
            "not_averaged": lambda want: 3 * want,
            "attends_to_itself": lambda want: 3 / 4 * want,
            "wrong_sign": lambda want: -want,
            "whole_square": lambda want: 2 * want,
            "forgets_rate": lambda want: want / 0.6,
        },
        also=(OTHER,),
    ),
    equals(THREE, "{three}. The answers"),
    equals(SLOWER, "{three_at} {rate}. The answers"),
    differentiable(THREE, "x", "y", "query"),
    vmappable(THREE, OTHER, over=("x", "y", "query")),
    at_random(anything),
)

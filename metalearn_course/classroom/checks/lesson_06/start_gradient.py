"""The check of exercise 6.4, start_gradient."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from torch import Tensor, tensor
from torch.func import grad

from ..at_random import Draw, at_random
from ..kit import Case, Check, equals, rivals
from .shared import f64

Loss = Callable[[Tensor], Tensor]


def start_gradient(support_loss: Loss, query_loss: Loss, start: Tensor, lr: float) -> Tensor:
    return grad(lambda w: query_loss(w - lr * grad(support_loss)(w)))(start)


def wrong(way: Callable[[Any], Tensor]) -> Callable[..., Tensor]:
    """A wrong answer, made of the two places, the rate, and first and second derivatives of both losses."""

    def answer(support_loss: Loss, query_loss: Loss, start: Tensor, lr: float) -> Tensor:
        s1, q1 = grad(support_loss), grad(query_loss)
        end = start - lr * s1(start)
        return way(SimpleNamespace(start=start, end=end, lr=lr, s1=s1, s2=grad(s1), q1=q1, q2=grad(q1)))

    return answer


def any_waves(draw: Draw) -> Case:
    a, b = draw.number(0.5, 2.5), draw.number(1.0, 3.0)
    place = {"start": f64(draw.number(-1.0, 1.0)), "lr": draw.number(0.1, 0.9)}
    return Case(support_loss=lambda w: (a * w).cos(), query_loss=lambda w: (w - b).exp() + w * w, **place)


ONE = Case(support_loss=lambda w: w**4 / 4, query_loss=lambda w: 2 * (w - 1.5) ** 2, start=f64(1.0), lr=0.5)
WAVES = ONE.but(support_loss=lambda w: (-w * w).exp(), query_loss=lambda w: (3 * w).sin(), start=f64(0.3), lr=0.2)
ASKED, WAVES_ASKED = "theta_0 = 1, L_S = w⁴ / 4, L_B = 2 (w - 1.5)², rate 0.5", "L_S = exp(-w²), L_B = sin(3 w)"

CHECK = Check(
    start_gradient,
    rivals(
        ONE,
        {
            "drops_factor": wrong(lambda at: at.q1(at.end)),
            "query_curvature": [
                wrong(lambda at: at.q1(at.end) * (1 - at.lr * at.q2(at.end))),
                wrong(lambda at: at.q1(at.end) * (1 - at.lr * at.q2(at.start))),
            ],
            "curvature_at_theta_1": wrong(lambda at: at.q1(at.end) * (1 - at.lr * at.s2(at.end))),
            "slope_for_curvature": wrong(lambda at: at.q1(at.end) * (1 - at.lr * at.s1(at.start))),
            "query_gradient_at_start": wrong(lambda at: at.q1(at.start) * (1 - at.lr * at.s2(at.start))),
            "plus_in_factor": wrong(lambda at: at.q1(at.end) * (1 + at.lr * at.s2(at.start))),
            "forgets_rate": wrong(lambda at: at.q1(at.end) * (1 - at.s2(at.start))),
            "loses_the_one": wrong(lambda at: -at.q1(at.end) * at.lr * at.s2(at.start)),
        },
        also=(WAVES,),
    ),
    equals(ONE, ASKED),
    equals(WAVES, WAVES_ASKED + ", theta_0 = {start}, rate {lr}", rtol=1e-5),
    equals(WAVES.but(start=f64(-1.2), lr=0.7), WAVES_ASKED + ", theta_0 = {start}, rate {lr}", rtol=1e-5),
    equals(ONE.but(start=tensor(1.0)), ASKED + ", in float32"),
    at_random(any_waves, what="L_S = cos(a w), L_B = exp(w - b) + w², theta_0 = {start}, rate {lr}", rtol=1e-5),
)

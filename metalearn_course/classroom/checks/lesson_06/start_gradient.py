"""The check of exercise 6.4, start_gradient."""

from collections.abc import Callable

from torch import Tensor, tensor
from torch.func import grad

from ..kit import Case, Check, equals, rivals
from .shared import f64

Loss = Callable[[Tensor], Tensor]


def start_gradient(support_loss: Loss, query_loss: Loss, start: Tensor, lr: float) -> Tensor:
    return grad(lambda w: query_loss(w - lr * grad(support_loss)(w)))(start)


ONE = Case(support_loss=lambda w: w**4 / 4, query_loss=lambda w: 2 * (w - 1.5) ** 2, start=f64(1.0), lr=0.5)
WAVES = ONE.but(support_loss=lambda w: (-w * w).exp(), query_loss=lambda w: (3 * w).sin(), start=f64(0.3), lr=0.2)
ASKED, WAVES_ASKED = "theta_0 = 1, L_S = w⁴ / 4, L_B = 2 (w - 1.5)², rate 0.5", "L_S = exp(-w²), L_B = sin(3 w)"

CHECK = Check(
    start_gradient,
    rivals(
        ONE,
        {
            "drops_factor": -4.0,
            "query_curvature": 4.0,
            "curvature_at_theta_1": -2.5,
            "slope_for_curvature": -2.0,
            "query_gradient_at_start": 1.0,
            "plus_in_factor": -10.0,
            "forgets_rate": 8.0,
            "loses_the_one": 6.0,
        },
    ),
    equals(ONE, ASKED),
    equals(WAVES, WAVES_ASKED + ", theta_0 = {start}, rate {lr}", rtol=1e-5),
    equals(WAVES.but(start=f64(-1.2), lr=0.7), WAVES_ASKED + ", theta_0 = {start}, rate {lr}", rtol=1e-5),
    equals(ONE.but(start=tensor(1.0)), ASKED + ", in float32"),
)

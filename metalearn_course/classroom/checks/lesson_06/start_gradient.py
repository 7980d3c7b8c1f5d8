"""The check of exercise 6.4, start_gradient."""

from __future__ import annotations

from torch import Tensor, tensor
from torch.func import grad

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show
from metalearn_course.classroom.checks.lesson_06.shared import by_differences, f64


@exercise(
    lesson="06",
    number=4,
    title="what the start is told",
    minutes=8,
    difficulty=3,
    stretch=True,
    mistakes=(
        "drops_factor",
        "query_curvature",
        "curvature_at_theta_1",
        "slope_for_curvature",
        "query_gradient_at_start",
        "plus_in_factor",
        "forgets_rate",
        "loses_the_one",
    ),
    hints=(
        "Move the start by a hair. Does theta_1 move by a hair, too? What about a place where the support loss is "
        "strongly curved?",
        "theta_1 = theta_0 - lr * L_S'(theta_0) depends on theta_0 twice: directly, and through the support gradient. "
        "Write down its derivative, and multiply by what the query loss says at theta_1.",
        "`grad(query_loss)(theta_1) * (1 - lr * grad(grad(support_loss))(start))`",
    ),
)
def start_gradient(answer: Answer) -> str:
    def support_loss(w: Tensor) -> Tensor:
        return w**4 / 4

    def query_loss(w: Tensor) -> Tensor:
        return 2 * (w - 1.5) ** 2

    got = answer(support_loss, query_loss, f64(1.0), 0.5, like=f64(0.0))
    what = f"theta_0 = 1, L_S = w⁴ / 4, L_B = 2 (w - 1.5)², rate 0.5: got {show(got.item())}, expected 2"
    for name, wrong, says in (
        (
            "drops_factor",
            -4.0,
            "That is L_B' at theta_1 = 0.5 alone, as if theta_1 moved just as far as theta_0. But the step moves, too: "
            "L_S'' is 3, and the factor 1 - 0.5 * 3 = -0.5 even turns the sign. (Leaving it out has a name, "
            "first-order; lesson 07 asks when that is allowed.)",
        ),
        (
            "query_curvature",
            4.0,
            "In your factor stands L_B'', which is 4. The step was made on the support set, and how the step changes "
            "with the start is L_S'', which is 3.",
        ),
        (
            "curvature_at_theta_1",
            -2.5,
            "Your L_S'' is 0.75, at theta_1 = 0.5. The step was made at theta_0 = 1, and there it is 3.",
        ),
        (
            "slope_for_curvature",
            -2.0,
            "In your factor stands L_S', the slope, which is 1. How the slope changes with the start is the second "
            "derivative L_S'', which is 3.",
        ),
        (
            "query_gradient_at_start",
            1.0,
            "Your L_B' is -2, at theta_0 = 1. The query set judges the weights after the step: at theta_1 it is -4.",
        ),
        (
            "plus_in_factor",
            -10.0,
            "Your factor is 1 + 0.5 * 3 = 2.5. The step goes against the gradient, so that the minus of the step "
            "stands in the factor, too.",
        ),
        (
            "forgets_rate",
            8.0,
            "Your factor is 1 - 3 = -2. The gradient enters theta_1 times the rate, and so does its derivative: "
            "1 - 0.5 * 3.",
        ),
        (
            "loses_the_one",
            6.0,
            "Your factor is -0.5 * 3 = -1.5: only the step was differentiated. theta_1 = theta_0 - lr * L_S'(theta_0) "
            "has theta_0 in it twice, and the first one gives the 1. Was it detached?",
        ),
    ):
        if near(got, wrong):
            raise Mistake(name, f"{what}. {says}")
    expect_close(got, f64(2.0), what.partition(": got")[0])
    for start, lr in ((0.3, 0.2), (-1.2, 0.7)):
        want = by_differences(lambda w, lr=lr: _wave(w - lr * grad(_hill)(f64(w))), start)
        got = answer(_hill, _wave, f64(start), lr, like=f64(0.0))
        what = f"L_S = exp(-w²), L_B = sin(3 w), theta_0 = {start:g}, rate {lr:g}: the slope by finite differences"
        expect_close(got, want, what, rtol=1e-5)
    got = answer(support_loss, query_loss, tensor(1.0), 0.5, like=tensor(0.0))
    expect_close(got, 2.0, "the first example in float32")
    return "the start hears the query set through the step, and the step multiplies by a factor."


def _hill(w: Tensor) -> Tensor:
    return (-w * w).exp()


def _wave(w: Tensor) -> Tensor:
    return (3 * w).sin()

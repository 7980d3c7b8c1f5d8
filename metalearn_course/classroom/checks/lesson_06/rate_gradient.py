"""The check of exercise 6.2, rate_gradient."""

from __future__ import annotations

from torch import Tensor, tensor

from metalearn_course import update_rules
from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show
from metalearn_course.classroom.checks.lesson_06.shared import BENT, BENT_BATCHES, bent, by_differences, f64, squares
from metalearn_course.tasks.task import Examples
from metalearn_course.update_rules import SGD, Params


@exercise(
    lesson="06",
    number=2,
    title="what the rate is told",
    minutes=7,
    difficulty=2,
    mistakes=(
        "both_at_start",
        "both_at_theta_1",
        "points_swapped",
        "plus_sign",
        "support_loss_twice",
        "query_loss_twice",
        "steps_uphill",
        "rate_as_factor",
        "forgets_a_tensor",
        "averages_products",
    ),
    hints=(
        "A slightly larger rate moves theta_1 a little further. In which direction, and what does the query loss say "
        "about going that way?",
        "By the chain rule, the query gradient at theta_1 times what the rate does to theta_1. And theta_1 is theta_0 "
        "minus the rate times the support gradient at theta_0.",
        "`-sum((query_grads[name] * support_grads[name]).sum() for name in params)`, where `query_grads` were taken "
        "at theta_1.",
    ),
)
def rate_gradient(answer: Answer) -> str:
    start, lr = {"w": f64(0.0)}, f64(0.25)
    support, query = f64(1.0), f64(3.0)
    got = answer(squares, start, support, query, lr, like=f64(0.0))
    what = f"theta_0 = 0, L_S = (w - 1)², L_B = (w - 3)², rate 0.25: got {show(got.item())}, expected -10"
    for name, wrong, says in (
        (
            "both_at_start",
            (-12.0, 12.0),
            "Both gradients were taken at theta_0 = 0, where they are -2 and -6. But the query set judges the weights "
            "after the step: its gradient belongs to theta_1 = 0.5, where it is -5.",
        ),
        (
            "both_at_theta_1",
            (-5.0, 5.0),
            "Both gradients were taken at theta_1 = 0.5, where they are -1 and -5. But the step was made with the "
            "support gradient at theta_0, which is -2.",
        ),
        (
            "points_swapped",
            (-6.0, 6.0),
            "Your query gradient is -6, at theta_0 = 0, and your support gradient -1, at theta_1 = 0.5: the two points "
            "are swapped. The step was made with the support gradient at theta_0, -2; the query set judges at theta_1, "
            "where its gradient is -5.",
        ),
        (
            "rate_as_factor",
            (-2.5, 2.5),
            "That is the product of the two gradients times the rate, 0.25. But theta_1 = theta_0 - lr * gradient, and "
            "its derivative with respect to lr is the gradient alone, with its minus.",
        ),
        (
            "support_loss_twice",
            (-2.0, 2.0),
            "That is the support gradient at theta_1 = 0.5, -1, times the support gradient at theta_0, -2: it says how "
            "a larger rate fits what was seen already. The query set is the judge; its gradient at theta_1 is -5.",
        ),
        (
            "query_loss_twice",
            (-18.0, -30.0),
            "You stepped along the gradient of the query loss, or multiplied by it. The learner sees the support set "
            "only; the query set comes in afterwards, to judge.",
        ),
        (
            "steps_uphill",
            (-14.0, 14.0),
            "Your theta_1 is -0.5: the step went along the support gradient, where the support loss grows. It goes to "
            "theta_0 - 0.25 * (-2) = 0.5.",
        ),
        (
            "plus_sign",
            (10.0,),
            "The size is right. But both gradients point the same way here: going further down on the support set goes "
            "further down on the query set. The query loss falls as the rate grows, and a gradient says so by a minus.",
        ),
    ):
        if any(near(got, value) for value in wrong):
            raise Mistake(name, f"{what}. {says}")
    expect_close(got, f64(-10.0), what.partition(": got")[0])
    _expect_all_products(answer)
    _expect_slope(answer, *BENT_BATCHES[:2])
    _expect_slope(answer, *BENT_BATCHES[1:])
    plane = {"w": tensor([0.0, 0.0])}, tensor([1.0, 0.0]), tensor([0.0, 1.0])
    got = answer(squares, *plane, tensor(0.5), like=tensor(0.0))
    expect_close(got, 4.0, "theta_0 = [0, 0], L_S = |w - [1, 0]|², L_B = |w - [0, 1]|², rate 0.5, in float32")
    return "one product of two gradients says whether the rate was too small."


def _expect_slope(answer: Answer, support: Examples, query: Examples) -> None:
    def query_loss(lr: float) -> Tensor:
        return bent(update_rules.unroll(bent, SGD(lr), BENT, [support]).params, query)

    got = answer(bent, BENT, support, query, f64(0.3), like=f64(0.0))
    what = "A small network, one step at rate 0.3: the slope of its query loss against the rate, by finite differences"
    expect_close(got, by_differences(query_loss, 0.3), what, rtol=1e-5)


def _bowl(params: Params, target: Tensor) -> Tensor:
    return (params["w"] - target).square().sum() + (params["b"] + target.sum()).square()


def _expect_all_products(answer: Answer) -> None:
    """Gradients [-2, 0] and 4 on the support set, [-3, 2] and 2 on the query set: their product is 6 + 0 + 8."""
    start = {"w": f64([0.0, 0.0]), "b": f64(1.0)}
    got = answer(_bowl, start, f64([1.0, 0.0]), f64([2.0, -1.0]), f64(0.25), like=f64(0.0))
    what = (
        "Two tensors, w and b, with the support gradients [-2, 0] and 4 at theta_0 and the query gradients [-3, 2] and "
        f"2 at theta_1: got {show(got.item())}, expected -(6 + 0 + 8) = -14"
    )
    for name, says in (("w", -6.0), ("b", -8.0)):
        if near(got, says):
            raise Mistake(
                "forgets_a_tensor",
                f"{what}. Only `{name}` was counted. The step moves all of theta, and so does the rate: add up the "
                "products over every tensor of the dict.",
            )
    if any(near(got, wrong) for wrong in (-11.0, -7.0, -14 / 3)):
        raise Mistake(
            "averages_products",
            f"{what}. Somewhere a mean was taken. A dot product adds up, over all numbers of all tensors: every weight "
            "that moves changes the loss by its own part.",
        )
    expect_close(got, f64(-14.0), what.partition(": got")[0])

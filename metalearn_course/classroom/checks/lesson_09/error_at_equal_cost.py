"""The check of exercise 9.4, error_at_equal_cost."""

from __future__ import annotations

from torch import tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show


@exercise(
    lesson="09",
    number=4,
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
        "rounds_n",
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
    between = answer(0.0, 12.0, 2.0, 7.0, like=0.0)
    if any(near(between, 12.0 / n) for n in (3, 4)):
        raise Mistake(
            "rounds_n",
            f"At variance 12 and cost 2, a budget of 7 buys 3.5 estimates, and the error is 3.429. Yours is "
            f"{show(between)}: the number was rounded. Leave it as it is, so that the curve has no steps.",
        )
    expect_close(between, 12.0 / 3.5, "bias 0, variance 12, cost 2 and budget 7: 3.5 estimates, so the error")
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

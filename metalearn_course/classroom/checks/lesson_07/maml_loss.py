"""The check of exercise 7.1, maml_loss."""

from __future__ import annotations

import torch
from torch import tensor

from metalearn_course import Examples
from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    gradients_at,
    instead_of,
    near,
    show,
)
from metalearn_course.classroom.checks.lesson_07.shared import (
    CHAINED,
    LR,
    NET_TASK,
    SAID,
    TASK,
    along,
    at_two,
    by_differences,
    expect_vmap,
    loss_after_step,
    loss_at,
    net,
    net_params,
    parabola,
)


@exercise(
    lesson="07",
    number=1,
    title="MAML for one task",
    minutes=10,
    difficulty=2,
    mistakes=(
        "query_in_inner_step",
        "judges_the_start",
        "judged_on_support",
        "climbs",
        "tasks_chained",
        "detaches_inner_gradient",
        "cuts_gradient",
        "breaks_under_vmap",
    ),
    hints=(
        "At test time the labels of the query set are unknown. Which of the two sets can a step learn from, and which "
        "one says how good the start was?",
        "Three lines: the gradient of the support loss at `params`; a new dict, one step further; the query loss "
        "there. Nothing is detached, so that the outer gradient can run through all three.",
        "`grads = grad(loss)(params, task.support)`, then `adapted = {name: p - lr * grads[name] for name, p in "
        "params.items()}`, and return `loss(adapted, task.query)`.",
    ),
)
def maml_loss(answer: Answer) -> str:
    params = at_two()
    with instead_of("changes_inputs", "tasks_chained", CHAINED):
        got = answer(parabola, params, TASK, LR, like=tensor(0.0))
    _name_the_loss(got.item())
    reached = gradients_at(got, params)["theta"]
    if reached is None:
        raise Mistake(
            "cuts_gradient",
            "The loss is right, but no gradient arrives at `params`: somewhere between the start and the loss stands a "
            "`detach`, a `no_grad` or an `item`, and no start can be learned.",
        )
    if near(reached, -8.0):
        raise Mistake(
            "detaches_inner_gradient",
            f"{SAID} The loss is right, and its gradient with respect to the start should be -6; yours is "
            f"{show(reached.item())}, as if the gradient of the inner step were a constant. But it changes with the "
            "start, too: theta_1 = 0.75 theta - 0.5, a factor of 0.75. That is first-order MAML, the next exercise: "
            "keep the inner gradient differentiable (`torch.func.grad` does, or `create_graph=True`).",
        )
    expect_close(reached, -6.0, f"{SAID} Its gradient with respect to the start")
    _expect_net(answer)
    expect_vmap(answer, loss_after_step)
    return "the loss after a step, with a gradient that ran through the step."


def _name_the_loss(got: float) -> None:
    support, query, _ = TASK
    both = Examples(torch.cat([support.x, query.x]), torch.cat([support.y, query.y]))
    start, right, uphill = 2.0, 2.0 - LR * 4.0, 2.0 + LR * 4.0  # at the start the support loss has slope 4,
    peeking = [2.0 + LR * 6.0, 2.0 + LR * 1.0, 2.0 + LR * 2.0]  # the query loss -6, their mean -1, their sum -2
    for name, values, says in (
        (
            "judges_the_start",
            [loss_at(start, query)],
            "is the query loss at the start, as if no step had been taken: judge the adapted parameters",
        ),
        (
            "judged_on_support",
            [loss_at(right, support), loss_at(start, support), loss_at(right, both)],
            "counts the support loss, which the step was made to lower. Whether a start is any good, examples tell "
            "that the step has not seen: the query set",
        ),
        (
            "query_in_inner_step",
            [loss_at(theta, examples) for theta in peeking for examples in (query, support, both)],
            "comes out when the step looks at the query set: the answers were read before the question was asked. Only "
            "the support set is there to learn from",
        ),
        (
            "climbs",
            [loss_at(uphill, query)],
            "comes out one step uphill, at theta = 3. A gradient points to where the loss grows: subtract it",
        ),
    ):
        if any(near(got, value) for value in values):
            raise Mistake(name, f"{SAID} Your {show(got)} {says}.")
    expect_close(got, 16.0, SAID[:-1])


def _expect_net(answer: Answer) -> None:
    """Four parameters of other shapes, in float64: the value, and the gradient against differences of the value."""
    params = net_params()
    got = answer(net, params, NET_TASK, 0.3, like=tensor(0.0, dtype=torch.float64))
    expect_close(got, loss_after_step(net, params, NET_TASK, 0.3), "the loss of a small network after its step")
    slope, direction = by_differences(lambda p: answer(net, p, NET_TASK, 0.3), params)
    found = along(gradients_at(got, params), direction)
    expect_close(found, slope, "the slope of your loss along a direction, by its gradient and by finite differences")

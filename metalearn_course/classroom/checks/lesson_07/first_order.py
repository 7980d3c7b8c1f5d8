"""The check of exercise 7.2, first_order."""

from __future__ import annotations

from typing import Any

import torch
from torch import tensor
from torch.overrides import TorchFunctionMode

from metalearn_course import SGD, unroll
from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, gradients_at, near, show
from metalearn_course.classroom.checks.lesson_07.shared import (
    LR,
    NET_TASK,
    SAID,
    TASK,
    at_two,
    expect_vmap,
    loss_after_step,
    net,
    net_params,
    parabola,
)


@exercise(
    lesson="07",
    number=2,
    title="first-order MAML",
    minutes=4,
    difficulty=2,
    mistakes=("detaches_parameters", "no_grad_around_inner_step", "still_second_order", "breaks_under_vmap"),
    hints=(
        "In theta_1 = theta_0 - lr * gradient, the start appears twice: openly, and inside the gradient. Which of the "
        "two ways back should stay open?",
        "Only the inner gradient becomes a constant. The subtraction itself has to be recorded, with the parameters "
        "as they are.",
        "The line that steps becomes `adapted = {name: p - lr * grads[name].detach() for name, p in params.items()}`.",
    ),
)
def first_order(answer: Answer) -> str:
    params = at_two()
    got = answer(parabola, params, TASK, LR, like=tensor(0.0))
    expect_close(got, 16.0, f"{SAID} The loss is the same as in `maml_loss`")
    reached = gradients_at(got, params)["theta"]
    if reached is None:
        _name_the_cut(answer)
    if near(reached, -6.0):
        raise Mistake(
            "still_second_order",
            f"{SAID} The gradient with respect to the start is {show(reached.item())}, MAML's own: -8, the slope of "
            "the query loss at theta = 1, times 0.75, because the inner gradient changes with the start. First-order "
            "MAML takes the inner gradient for a constant, and gets -8. Detach that gradient itself.",
        )
    expect_close(reached, -8.0, f"{SAID} The first-order gradient, the slope of the query loss at theta = 1")
    _expect_first_order_net(answer)
    expect_vmap(answer, lambda *args: loss_after_step(*args, first_order=True))
    return "the same loss, and the way back is shorter: past the inner gradient, not through it."


class _UnrecordedOperations(TorchFunctionMode):
    """Counts what torch is asked to compute while gradients are switched off."""

    count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not torch.is_grad_enabled()
        return func(*args, **(kwargs or {}))


def _name_the_cut(answer: Answer) -> None:
    """Raise the name of the way in which no gradient arrives."""
    with _UnrecordedOperations() as unrecorded:
        answer.within(lambda function: function(parabola, at_two(), TASK, LR))
    if unrecorded.count:
        raise Mistake(
            "no_grad_around_inner_step",
            "The loss is right, but no gradient arrives at `params`: the step was computed with gradients switched "
            "off, so that the subtraction p - lr * gradient was not recorded either, and through it the gradient "
            "finds back to the start. Take the step outside of `no_grad`, and detach the inner gradient alone.",
        )
    raise Mistake(
        "detaches_parameters",
        "The loss is right, but no gradient arrives at `params` (it is `None`): the parameters were detached, so that "
        "the adapted ones have forgotten where they started. An optimizer skips a gradient of `None` without a word, "
        "and nothing is ever learned. In p - lr * gradient, detach the gradient and keep p.",
    )


def _expect_first_order_net(answer: Answer) -> None:
    params = net_params()
    got = answer(net, params, NET_TASK, 0.3, like=tensor(0.0, dtype=torch.float64))
    adapted = unroll(net, SGD(0.3), params, [NET_TASK.support]).params
    adapted = {name: p.detach().requires_grad_() for name, p in adapted.items()}
    want = net(adapted, NET_TASK.query)
    expect_close(got, want, "the loss of a small network after its step")
    slopes, reached = gradients_at(want, adapted), gradients_at(got, params)
    for name, slope in slopes.items():
        if reached[name] is None:
            raise Mistake("wrong_value", f"No gradient arrives at {name!r} of a small network; expected {show(slope)}.")
        expect_close(reached[name], slope, f"the first-order gradient for {name!r} of a small network")

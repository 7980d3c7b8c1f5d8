"""The check of exercise 1.3, train."""

from __future__ import annotations

import torch
from torch import Tensor, eye, tensor, zeros
from torch.func import grad
from torch.nn.functional import cross_entropy

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show
from metalearn_course.classroom.checks.lesson_01.shared import Params, logits_of
from metalearn_course.tasks.task import Examples


def losses(params: Params, batch: Examples) -> Tensor:
    """The cross-entropy of every example of `batch` under the network of lesson 01: one number an example.

    params: "w1", "b1", "w2", "b2". batch: x (n, inputs), y (n,) class numbers. Returns (n,).
    Given, so that the exercise `train` does not wait for the exercise `forward`.
    """
    return cross_entropy(logits_of(params, batch.x), batch.y, reduction="none")


_START = {"w1": eye(2), "b1": zeros(2), "w2": zeros(2, 2), "b2": zeros(2)}
_ONE = Examples(tensor([[1.0, 2.0]]), tensor([0]))
_TWO = Examples(tensor([[2.0, 1.0]]), tensor([1]))


def _gradient(params: Params, batch: Examples) -> Params:
    return grad(lambda params: losses(params, batch).mean())(params)


def _step(params: Params, grads: Params, lr: float) -> Params:
    return {name: p - lr * grads[name] for name, p in params.items()}


@exercise(
    lesson="01",
    number=3,
    title="train",
    minutes=12,
    difficulty=2,
    mistakes=(
        "summed_loss",
        "gradient_at_start",
        "gradients_pile_up",
        "starts_again_each_batch",
        "one_step_for_all",
        "trains_in_place",
        "plus_sign",
        "first_batch_only",
    ),
    hints=(
        "Once the first batch has moved the params, where should the gradient of the second batch be taken?",
        "Turn `losses(params, batch)` into one number that does not grow with the batch. Then, for each batch: "
        "gradient at the params you have now, step, and those are the params you have now.",
        "`grads = torch.func.grad(mean_loss)(params, batch)`, where `mean_loss(params, batch)` returns "
        "`losses(params, batch).mean()`; then `params = {name: p - lr * grads[name] for name, p in params.items()}`.",
    ),
)
def train(answer: Answer) -> str:
    try:
        _step_of_one_batch(answer)
        _steps_of_two_batches(answer)
    except Mistake as mistake:
        if mistake.name != "changes_inputs" or "`params" not in mistake.message:
            raise
        message = (
            f"{mistake.message} Whoever trains twice from the same start, with two rates perhaps, would begin the "
            "second time where the first one ended."
        )
        raise Mistake("trains_in_place", message, mistake.name) from None
    return "predict, measure, update, each step from where the last one ended."


def _step_of_one_batch(answer: Answer) -> None:
    right = _step(_START, _gradient(_START, _ONE), 1.0)
    got = answer(dict(_START), [_ONE], 1.0, like=right)
    twice = Examples(*(torch.cat([part, part]) for part in _ONE))
    doubled = answer(dict(_START), [twice], 1.0, like=right)
    if near(got, right) and near(doubled, _step(_START, _gradient(_START, _ONE), 2.0)):
        raise Mistake(
            "summed_loss",
            f"A batch of one example moved b2 from [0, 0] to {show(got['b2'])}; a batch with the same example twice "
            f"moved it to {show(doubled['b2'])}. Twice the batch, twice the step: losses were summed. Average them.",
        )
    if near(got, _step(_START, _gradient(_START, _ONE), -1.0)):
        raise Mistake(
            "plus_sign",
            f"One batch, x = [[1, 2]] of class 0, lr = 1: b2 went from [0, 0] to {show(got['b2'])}; expected "
            f"{show(right['b2'])}. Your step goes along the gradient, where the loss grows, and class 0 became less "
            "likely: go against it.",
        )
    start = "From w1 = [[1, 0], [0, 1]] and zeros, with lr = 1"
    expect_close(got, right, f"{start} and one batch, x = [[1, 2]] of class 0: the trained params")
    expect_close(doubled, right, f"{start} and one batch, x = [[1, 2]] of class 0 twice: the trained params")


def _steps_of_two_batches(answer: Answer) -> None:
    lr = 0.5
    at_start = [_gradient(_START, batch) for batch in (_ONE, _TWO)]
    after_one = _step(_START, at_start[0], lr)
    moved = _gradient(after_one, _TWO)
    right = _step(after_one, moved, lr)
    got = answer(dict(_START), [_ONE, _TWO], lr, like=right)
    what = "Two batches of one example each, lr = 0.5"
    b2 = f"b2 went to {show(after_one['b2'])} with the first and to {show(got['b2'])} with the second"
    if near(got, _step(after_one, at_start[1], lr)):
        raise Mistake(
            "gradient_at_start",
            f"{what}: {b2}. The second step used the gradient at the params you began with; at the params after the "
            f"first step it leads to {show(right['b2'])}. Measure again where you are now.",
        )
    if near(got, _step(after_one, {name: at_start[0][name] + g for name, g in moved.items()}, lr)):
        raise Mistake(
            "gradients_pile_up",
            f"{what}: {b2}; expected {show(right['b2'])}. The second step took the first batch's gradient once more: "
            "`backward()` adds to `.grad`. Clear it before every step, or use `torch.func.grad`, which keeps nothing.",
        )
    if near(got, after_one):
        raise Mistake(
            "first_batch_only",
            f"{what}: b2 ended at {show(got['b2'])}, exactly where the first batch alone leads; with the second it is "
            f"{show(right['b2'])}. Does the loop go through all of `batches`, and does `return` stand behind the loop "
            "rather than inside it?",
        )
    if near(got, _step(_START, at_start[1], lr)):
        raise Mistake(
            "starts_again_each_batch",
            f"{what}: b2 ended at {show(got['b2'])}, exactly where the second batch alone leads from the start. The "
            f"first batch left no trace; expected {show(right['b2'])}. Begin each step where the last one ended.",
        )
    mean = {name: (g + at_start[1][name]) / 2 for name, g in at_start[0].items()}
    if near(got, _step(_START, mean, lr)):
        raise Mistake(
            "one_step_for_all",
            f"{what}: b2 ended at {show(got['b2'])}, where one single step on both batches together leads. "
            f"Two batches are two steps, the second from where the first ended; expected {show(right['b2'])}.",
        )
    expect_close(got, right, f"{what}: the trained params")

"""The check of exercise 7.8, anil_adapt."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, tensor
from torch.func import vmap

from metalearn_course import SGD, Examples, unroll
from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    expect_under_vmap,
    gradients_at,
    near,
    show,
)
from metalearn_course.classroom.checks.lesson_07.shared import (
    FUNCTIONAL,
    NET_TASK,
    Params,
    along,
    by_differences,
    net,
    net_params,
)


@exercise(
    lesson="07",
    number=8,
    title="adapt the head only",
    minutes=10,
    difficulty=3,
    stretch=True,
    mistakes=(
        "adapts_everything",
        "moves_the_body",
        "freezes_body",
        "inner_step_ignores_body",
        "detaches_inner_gradient",
        "gradient_at_start",
        "returns_head_only",
        "breaks_under_vmap",
    ),
    hints=(
        "The body does not move while a task is learned. Who moves it then, and what has to reach it for that?",
        "Divide `params` into two dicts. Take the gradient with respect to the head alone, of a function that puts "
        "both together again; the body goes in as it is, not detached.",
        "`grads = grad(lambda moving: loss({**body, **moving}, support))(moving)`, then `moving = {name: p - lr * "
        "grads[name] for name, p in moving.items()}`, `steps` times, and return `{**body, **moving}`.",
    ),
)
def anil_adapt(answer: Answer) -> str:
    params, like = _line(), _line()
    got = _adapted(answer, params, 1, like)
    _name_what_moved(got)
    _expect_second_step(answer)
    body = gradients_at(got["body"], params)["body"]
    slopes = gradients_at(got["head"], params)
    told = (
        "With the prediction head * body * x, body = 2, head = 1 and the point (1, 3), a step at rate 0.1 leads to "
        "head = 1.2"
    )
    if body is None or near(body, 0.0):
        raise Mistake(
            "freezes_body",
            f"{told}, and the body stays at 2: right. But the body that you return is cut off from `params`, so that "
            "no outer gradient arrives, and meta-training never learns it. It stays put in the inner loop only: "
            "no `detach`.",
        )
    _name_the_path(slopes, told)
    _expect_anil_net(answer)
    stack = Examples(tensor([[1.0], [2.0], [1.0]]), tensor([[3.0], [1.0], [0.0]]))
    want = [_anil(_product, params, Examples(x, y), 0.1, 2, ["head"]) for x, y in zip(*stack, strict=True)]
    expect_under_vmap(
        answer,
        lambda function: vmap(lambda support: function(_product, params, support, 0.1, 2, ["head"]))(stack),
        {name: torch.stack([one[name] for one in want]).detach() for name in params},
        "a stack of three tasks",
        FUNCTIONAL,
    )
    return "the inner loop moves the head, the outer loop learns both."


def _line() -> Params:
    return {"body": tensor(2.0, requires_grad=True), "head": tensor(1.0, requires_grad=True)}


def _product(params: Params, examples: Examples) -> Tensor:
    return ((params["head"] * params["body"] * examples.x - examples.y).square() / 2).mean()


_POINT = Examples(tensor([1.0]), tensor([3.0]))


def _anil(loss: Any, params: Params, support: Examples, lr: float, steps: int, head: list[str]) -> Params:
    body = {name: p for name, p in params.items() if name not in head}
    moving = {name: params[name] for name in head}
    return body | unroll(lambda part, examples: loss(body | part, examples), SGD(lr), moving, [support] * steps).params


def _adapted(answer: Answer, params: Params, steps: int, like: Params) -> Params:
    try:
        return answer(_product, params, _POINT, 0.1, steps, ["head"], like=like)
    except Mistake as mistake:
        if mistake.name != "wrong_structure":
            raise
        raise Mistake(
            "returns_head_only",
            f"{mistake.message} What was learned has to predict, and for that the body is needed as well: return all "
            "parameters, the body's as they are.",
            mistake.name,
        ) from None


def _name_what_moved(got: Params) -> None:
    body, head = got["body"].item(), got["head"].item()
    told = f"From body = 2, head = 1 you come to body = {show(body)}, head = {show(head)}"
    if not near(body, 2.0) and near(head, 1.0):
        raise Mistake(
            "moves_the_body",
            f"{told}: the other way round. `head` names the parameters that move, all others stay.",
        )
    if not near(body, 2.0):
        raise Mistake(
            "adapts_everything",
            f"{told}: the body moved, too. That is MAML. In ANIL the inner loop takes the gradient with respect to the "
            "head alone.",
        )
    expect_close(head, 1.2, "the head after a step at rate 0.1 on the point (1, 3), from body = 2 and head = 1")


def _expect_second_step(answer: Answer) -> None:
    got = answer(_product, _line(), _POINT, 0.1, 2, ["head"], like=_line())["head"]
    if near(got, 1.4):
        raise Mistake(
            "gradient_at_start",
            "The first step takes the head from 1 to 1.2, the second as far again, to 1.4: it used the gradient at the "
            "start. Take each gradient where the step before has led; then the head comes to 1.32.",
        )
    expect_close(got, 1.32, "the head after two steps")


def _name_the_path(slopes: dict[str, Tensor | None], told: str) -> None:
    """How the adapted head changes with the start: 0.6 with the head, -0.1 with the body."""
    head, body = (0.0 if slopes[name] is None else slopes[name].item() for name in ("head", "body"))
    if near(body, 0.0) and (near(head, 1.0) or near(head, 0.0)):
        raise Mistake(
            "detaches_inner_gradient",
            f"{told}. From head = 1.01 it would lead to 1.206, and with body = 2.01 to 1.199: the derivatives are 0.6 "
            f"and -0.1. Yours are {show(head)} and {show(body)}, as if the inner gradient were a constant. It depends "
            "on head and body: detach nothing.",
        )
    if near(body, 0.0):
        raise Mistake(
            "inner_step_ignores_body",
            f"{told}. With body = 2.01 it would lead to 1.199: where the head goes depends on the body. Your "
            "derivative with respect to the body is 0, for the inner step saw a detached one, and the body cannot "
            "learn to make features on which a step works. It stays put without `detach`.",
        )
    for name, slope, want in (("head", head, 0.6), ("body", body, -0.1)):
        expect_close(slope, want, f"{told}. Its derivative with respect to the {name}")


def _expect_anil_net(answer: Answer) -> None:
    params, head = net_params(), ["head.w", "head.b"]

    def after(p: Params) -> Tensor:
        return net(answer(net, p, NET_TASK.support, 0.2, 3, head, like=params), NET_TASK.query)

    got = answer(net, params, NET_TASK.support, 0.2, 3, head, like=params)
    want = _anil(net, params, NET_TASK.support, 0.2, 3, head)
    for name, p in want.items():
        expect_close(got[name], p, f"{name!r} of a small network after three steps")
    slope, direction = by_differences(after, params)
    found = along(gradients_at(after(params), params), direction)
    expect_close(found, slope, "the slope of the query loss along a direction, by its gradient and by differences")

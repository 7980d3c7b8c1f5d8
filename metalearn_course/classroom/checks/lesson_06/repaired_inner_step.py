"""The check of exercise 6.5, repaired_inner_step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn, tensor
from torch.func import functional_call

from metalearn_course import update_rules
from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    gradient_at,
    instead_of,
    near,
    show,
)
from metalearn_course.classroom.checks.lesson_06.shared import f64, missing_slope, told_slope
from metalearn_course.tasks.task import Examples
from metalearn_course.update_rules import SGD, Params


@exercise(
    lesson="06",
    number=5,
    title="repair the inner step",
    minutes=10,
    difficulty=2,
    stretch=True,
    mistakes=(
        "changes_the_net",
        "nothing_arrives",
        "start_detached",
        "gradient_is_constant",
        "rate_taken_out",
        "leaves_gradients_behind",
    ),
    hints=(
        "Which tensors do the query set's answers come from in the end, and was any of them computed from `net`'s "
        "parameters by an operation that autograd saw?",
        "Compute new tensors instead of writing into old ones: parameter minus rate times gradient, under names, in a "
        "dict. And the gradient has to be one that can be differentiated again.",
        "`grads = torch.autograd.grad(value, list(params.values()), create_graph=True)` with "
        "`params = dict(net.named_parameters())`, then `{name: p - lr * g for (name, p), g in zip(params.items(), "
        "grads)}`.",
    ),
)
def repaired_inner_step(answer: Answer) -> str:
    net = nn.Linear(1, 1).double()
    with torch.no_grad():
        net.weight.zero_()
        net.bias.zero_()
    support, query = (Examples(f64([[x]]), f64([[y]])) for x, y in ((1.0, 1.0), (2.0, 3.0)))
    lr = f64(0.25).requires_grad_()
    new = _stepped(answer, net, support, lr)
    what = "A line with weight 0 and bias 0, one example (1, 1), mean squared error, rate 0.25"
    expect_close(new, {"weight": f64([[0.5]]), "bias": f64([0.5])}, f"{what}: the new params")
    _expect_ways_back(new, net, query, lr)
    _expect_no_gradients_left(answer, net, support, lr)
    deep = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    pairs = Examples(tensor([[1.0, 0.5], [-0.3, 2.0]]), tensor([[0.5], [-1.0]]))
    rate = tensor(0.3, requires_grad=True)
    new = _stepped(answer, deep, pairs, rate)
    _expect_same_ways(new, deep, pairs, rate)
    return "a new set of weights as a function of the old ones: the query set can be heard at the start and the rate."


def _stepped(answer: Answer, net: nn.Module, support: Examples, lr: Tensor) -> Params:
    like = {name: p.detach().clone() for name, p in net.named_parameters()}
    message = (
        "`net` itself was changed. Its parameters are the start, where the next task begins as well; and what is "
        "written over a tensor is, for autograd, no function of what stood there. Make new tensors: the step returns "
        "them in a dict, and `functional_call` runs the net with them."
    )
    with instead_of("changes_inputs", "changes_the_net", message):
        return answer(net, F.mse_loss, support, lr, like=like)


def _expect_ways_back(new: Params, net: nn.Linear, query: Examples, lr: Tensor) -> None:
    """The query gradient is [-6, -3]; I - lr H = [[0.5, -0.5], [-0.5, 0.5]] makes [-1.5, 1.5] of it."""
    query_loss = F.mse_loss(functional_call(net, new, (query.x,)), query.y)
    to_weight, to_bias, to_rate = (gradient_at(query_loss, leaf) for leaf in (net.weight, net.bias, lr))
    told = [0.0 if missing_slope(g) else g.item() for g in (to_weight, to_bias)]
    at_start = "None" if missing_slope(to_weight) and missing_slope(to_bias) else show(told)
    what = (
        "The new weights are right, weight 0.5 and bias 0.5. Then the loss at the query (2, 3) was run back: at the "
        f"start arrives {at_start}, at the rate {told_slope(to_rate)}; expected [-1.5, 1.5] and -18"
    )
    if at_start == "None" and missing_slope(to_rate):
        raise Mistake(
            "nothing_arrives",
            f"{what}. For autograd these weights came from nowhere: `.data`, `no_grad` and `detach` hide the step from "
            "it, and an `nn.Parameter` is a leaf, to which no step leads. A meta-optimizer skips parameters whose "
            "gradient is None and says nothing, so the loss of each task falls, and no start and no rate is ever "
            "learned.",
        )
    if at_start == "None" or near(told, [4.5, 4.5]):
        raise Mistake(
            "start_detached",
            f"{what}. The step was made from a copy of the net's parameters (`deepcopy`, `detach`, `.data.clone()`), "
            "and theta_1 no longer knows theta_0. Subtract from the net's own parameters.",
        )
    if near(told, [-6.0, -3.0]):
        raise Mistake(
            "gradient_is_constant",
            f"{what}. [-6, -3] is the query gradient at theta_1, unchanged by the way back: the step was taken as a "
            "constant. Ask for a gradient that can be differentiated again, `create_graph=True`, or use "
            "`torch.func.grad`.",
        )
    if near(told, [-1.5, 1.5]) and missing_slope(to_rate):
        raise Mistake(
            "rate_taken_out",
            f"{what}. The rate was used as a number (`.item()`, `float`, `detach`). Multiply by the tensor.",
        )
    if to_rate is None:
        raise Mistake("wrong_value", f"{what}.")
    expect_close(
        [*told, to_rate.item()], [-1.5, 1.5, -18.0], "the gradients of the query loss at weight, bias and rate"
    )


def _expect_no_gradients_left(answer: Answer, net: nn.Module, support: Examples, lr: Tensor) -> None:
    def left(function: Callable[..., Any]) -> dict[str, Tensor]:
        function(net, F.mse_loss, support, lr)
        return {name: p.grad for name, p in net.named_parameters() if p.grad is not None}

    for name, gradient in answer.within(left).items():
        raise Mistake(
            "leaves_gradients_behind",
            f"After the step, `net.{name}.grad` holds {show(gradient)}, the support gradient: `backward()` put it "
            "there, and the query gradient will be added to it, so that the start is also pulled toward fitting the "
            "support set without any step. Ask for gradients as a result: `torch.autograd.grad` or `torch.func.grad`.",
        )


def _expect_same_ways(new: Params, net: nn.Module, examples: Examples, lr: Tensor) -> None:
    """The new params and the gradients of a loss, compared with the course's own step."""

    def loss(params: Params, examples: Examples) -> Tensor:
        return F.mse_loss(functional_call(net, params, (examples.x,)), examples.y)

    want = update_rules.unroll(loss, SGD(lr), dict(net.named_parameters()), [examples]).params
    expect_close(new, want, "one step of a network with two layers: the new params")
    for name, leaf in {**dict(net.named_parameters()), "the rate": lr}.items():
        reached, full = (gradient_at(loss(params, examples), leaf) for params in (new, want))
        if reached is None or not near(reached, full):
            raise Mistake(
                "wrong_value",
                f"One step of a network with two layers: the gradient at {name} is {told_slope(reached)}; expected "
                f"{told_slope(full)}.",
            )

"""The check of exercise 6.5, repaired_inner_step."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn, tensor
from torch.func import functional_call
from torch.nn.utils import vector_to_parameters

from metalearn_course import update_rules
from metalearn_course.classroom.flow import gradients_at
from metalearn_course.tasks.task import Examples
from metalearn_course.update_rules import SGD, Params

from ..at_random import Draw, at_random
from ..kit import Answer, Case, Check, equals, fails, looks, near
from .shared import f64, missing_slope


def repaired_inner_step(net: nn.Module, loss: Any, support: Examples, lr: Tensor) -> Params:
    def support_loss(params: Params, examples: Examples) -> Tensor:
        return loss(functional_call(net, params, (examples.x,)), examples.y)

    return update_rules.unroll(support_loss, SGD(lr), dict(net.named_parameters()), [support]).params


def run_back(function: Answer, net: nn.Module, loss: Any, support: Examples, lr: Tensor, query: Examples) -> Any:
    """The gradients of the query loss: at the start, all its parameters in a row, and at the rate."""
    start: Params = dict(net.named_parameters())
    new = function(net, loss, support, lr, like={name: p.detach() for name, p in start.items()})
    reached = gradients_at(loss(functional_call(net, new, (query.x,)), query.y), {**start, "the rate": lr})
    rate = reached.pop("the rate")
    row = [torch.zeros_like(start[name]) if g is None else g for name, g in reached.items()]
    nothing = all(missing_slope(gradient) for gradient in row)
    return {"start": None if nothing else torch.cat([gradient.flatten() for gradient in row]), "rate": rate}


def left(function: Answer, before: float | None, net: nn.Module, **inputs: Any) -> dict[str, Tensor]:
    """What stands in `.grad` after a step, where `before` stood there, and whether the net is still in train mode."""
    for p in net.parameters():
        p.grad = None if before is None else torch.full_like(p, before)
    function.within(lambda step: step(net, *inputs.values()))
    return {name: p.grad for name, p in net.named_parameters() if p.grad is not None} | {"mode": tensor(net.training)}


def first_left(got: dict[str, Tensor]) -> Any:
    return next(({"leaf": name, "gradient": gradient} for name, gradient in got.items() if name != "mode"), None)


def any_net(draw: Draw) -> Case:
    net = filled(nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)), draw.normal(17))
    loss = (F.huber_loss, F.soft_margin_loss)[draw.count(0, 1)]
    support = Examples(draw.normal(3, 2), draw.normal(3, 1).sign())
    return Case(net=net, loss=loss, support=support, lr=tensor(draw.number(0.1, 0.8), requires_grad=True))


def filled(net: nn.Module, numbers: Tensor) -> nn.Module:
    vector_to_parameters(numbers, net.parameters())
    return net


LINE = Case(
    net=filled(nn.Linear(1, 1).double(), f64([0.0, 0.0])),
    loss=F.mse_loss,
    support=Examples(f64([[1.0]]), f64([[1.0]])),
    lr=f64(0.25).requires_grad_(),
)
DEEP = LINE.but(
    net=filled(nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)), torch.linspace(-2, 2, 13).sin()),
    support=Examples(tensor([[1.0, 0.5], [-0.3, 2.0]]), tensor([[0.5], [-1.0]])),
    lr=tensor(0.3, requires_grad=True),
)
# The query gradient is [-6, -3]; I - lr H = [[0.5, -0.5], [-0.5, 0.5]] makes [-1.5, 1.5] of it.
BACK = Case(run_back, **LINE.inputs, query=Examples(f64([[2.0]]), f64([[3.0]])))

KEPT = Case(left, before=2.5, **LINE.inputs)

CHECK = Check(
    repaired_inner_step,
    fails(LINE, "changes_the_net", "changes_inputs"),
    equals(LINE, "A line with weight 0 and bias 0, one example (1, 1), mean squared error, rate 0.25: the new params"),
    looks(BACK, "nothing_arrives", lambda got: got["start"] is None and missing_slope(got["rate"])),
    looks(BACK, "start_detached", lambda got: got["start"] is None or near(got["start"], f64([4.5, 4.5]))),
    looks(BACK, "gradient_is_constant", lambda got: near(got["start"], f64([-6.0, -3.0]))),
    looks(BACK, "rate_taken_out", lambda got: near(got["start"], f64([-1.5, 1.5])) and missing_slope(got["rate"])),
    equals(BACK, "the gradients of the query loss at weight and bias and at the rate: "),
    looks(Case(left, before=None, **LINE.inputs), "leaves_gradients_behind", first_left),
    looks(KEPT, "changes_the_net/mode", lambda got: not got["mode"]),
    looks(KEPT, "changes_the_net/grad", lambda got, want: not near(got, want)),
    equals(DEEP, "one step of a network with two layers: the new params"),
    equals(Case(run_back, **DEEP.inputs, query=DEEP.inputs["support"]), "its gradients at start and rate: "),
    at_random(any_net, what="one step of a network with two layers and another loss: the new params"),
)

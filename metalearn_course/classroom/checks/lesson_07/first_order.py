"""The check of exercise 7.2, first_order."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from metalearn_course import SGD, Task, unroll

from ..at_random import at_random
from ..kit import Answer, Asked, Case, Check, equals, near, rival
from .maml_loss import maml_loss
from .shared import FOR_A_STACK, NET, NET_SLOPES, ONE, SLOPE, Params, any_net, any_net_slopes, slopes


def first_order(loss: Callable[..., Tensor], params: Params, task: Task, lr: float) -> Tensor:
    return loss(unroll(loss, SGD(lr), params, [task.support], first_order=True).params, task.query)


class UnrecordedOperations(TorchFunctionMode):
    """Counts what torch is asked to compute while gradients are switched off."""

    count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not torch.is_grad_enabled()
        return func(*args, **(kwargs or {}))


def second_order(**inputs: Any) -> Params:
    return slopes(Answer(maml_loss), **{name: value for name, value in inputs.items() if name != "want"})


def count_unrecorded(function: Answer, **inputs: Any) -> int:
    with UnrecordedOperations() as unrecorded:
        function.within(lambda learners: learners(*inputs.values()))
    return unrecorded.count


def a_gradient_arrives(asked: Asked) -> None:
    if near(asked.got(SLOPE)["theta"], 0.0):
        switched_off = asked.got(Case(count_unrecorded, **ONE.inputs)) > 0
        raise asked.mistaken("no_grad_around_inner_step" if switched_off else "detaches_parameters")


CHECK = Check(
    first_order,
    equals(ONE, "{said}. The loss is the same as in `maml_loss`"),
    a_gradient_arrives,
    rival(SLOPE, "still_second_order", second_order, also=(NET_SLOPES,)),
    equals(
        SLOPE,
        "{said}. The first-order gradient, the slope of the query loss at theta = 1",
        of=lambda got: got["theta"],
    ),
    equals(NET, "the loss of a small network after its step"),
    equals(NET_SLOPES, "the first-order gradient of a small network's loss, at params"),
    FOR_A_STACK,
    at_random(any_net, what="the loss of another network after its step at rate {lr}", times=1),
    at_random(any_net_slopes, what="its gradient at params, at rate {lr}", times=1),
)

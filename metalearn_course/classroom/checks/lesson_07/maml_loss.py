"""The check of exercise 7.1, maml_loss."""

from collections.abc import Callable

import torch
from torch import Tensor, tensor

from metalearn_course import SGD, Examples, Task, unroll

from ..at_random import at_random
from ..kit import Check, equals, fails, looks, near, rival, rivals
from .shared import FOR_A_STACK, NET, NET_SLOPES, ONE, SLOPE, TASKS, Params, any_net, any_net_slopes, at


def maml_loss(loss: Callable[..., Tensor], params: Params, task: Task, lr: float) -> Tensor:
    return loss(unroll(loss, SGD(lr), params, [task.support]).params, task.query)


SUPPORT, QUERY, _ = TASKS[0]
BOTH = Examples(*(torch.cat(parts) for parts in zip(SUPPORT, QUERY, strict=True)))
PEEKING = 3.5, 2.25, 2.5  # where the query loss sends the step, the mean of both losses, and their sum

CHECK = Check(
    maml_loss,
    fails(ONE, "tasks_chained", "changes_inputs"),
    rivals(
        ONE,
        {
            "judges_the_start": at(2.0, QUERY),
            "judged_on_support": [at(1.0, SUPPORT), at(2.0, SUPPORT), at(1.0, BOTH)],
            "query_in_inner_step": [at(theta, seen) for theta in PEEKING for seen in (QUERY, SUPPORT, BOTH)],
            "climbs": at(3.0, QUERY),
        },
    ),
    equals(ONE, "{said}"),
    looks(SLOPE, "cuts_gradient", lambda got: near(got["theta"], 0.0)),
    rival(SLOPE, "detaches_inner_gradient", {"theta": tensor(-8.0)}),
    equals(SLOPE, "{said}. Its gradient with respect to the start", of=lambda got: got["theta"]),
    equals(NET, "the loss of a small network after its step"),
    equals(NET_SLOPES, "the gradient of a small network's loss after its step, at params"),
    FOR_A_STACK,
    at_random(any_net, what="the loss of another network after its step at rate {lr}", times=1),
    at_random(any_net_slopes, what="its gradient at params, at rate {lr}", times=1),
)

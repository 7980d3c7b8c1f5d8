"""The check of exercise 7.3, reptile_update."""

from collections.abc import Callable

import torch
from torch import Tensor, tensor
from torch.func import vmap

from metalearn_course import SGD, Trace, unroll

from ..at_random import Draw, at_random
from ..kit import Case, Check, equals, rival, rivals
from .shared import Params


def reptile_update(start: Params, trace: Trace, eps: float) -> Params:
    return {name: p + eps * (trace.params[name] - p).mean(0) for name, p in start.items()}


def bowl(params: Params, lowest: Params) -> Tensor:
    return torch.stack([(p - lowest[name]).square().sum() / 2 for name, p in params.items()]).sum()


def two_steps(start: Params, lowest: Params, rate: float = 0.5) -> Trace:
    """Of every task, towards its own lowest point: at rate 1/2, three quarters of the way."""
    return vmap(lambda y: unroll(bowl, SGD(rate), start, [y, y]))(lowest)


def by(way: Callable[[Tensor, Tensor, list[Tensor]], Tensor]) -> Callable[[Params, Trace, float], Params]:
    """An update by a share of another way, made of a parameter, its ends, and its gradients of every step."""

    def update(start: Params, trace: Trace, eps: float) -> Params:
        grads = {name: [step.grads[name] for step in trace.steps] for name in start}
        return {name: p + eps * way(p, trace.params[name], grads[name]) for name, p in start.items()}

    return update


def any_trace(draw: Draw) -> Case:
    start, tasks = draw.tree({"w": (2, 2), "b": ()}), draw.count(4, 6)
    trace = two_steps(start, draw.tree({"w": (tasks, 2, 2), "b": (tasks,)}), 0.3)
    return Case(start=start, trace=trace, eps=draw.number(0.3, 0.9))


START = {"w": tensor([1.0, 0.0]), "b": tensor(1.0)}
LOWEST = {"w": tensor([[5.0, 4.0], [9.0, 0.0], [13.0, 12.0]]), "b": tensor([5.0, 9.0, 13.0])}
THREE = Case(start=START, trace=two_steps(START, LOWEST), eps=0.2)
SINGLE = THREE.but(trace=two_steps(START, {name: points[:1] for name, points in LOWEST.items()}), eps=1.0)

CHECK = Check(
    reptile_update,
    rivals(
        THREE,
        {
            "wrong_sign": by(lambda p, ends, grads: p - ends.mean(0)),
            "last_task_only": by(lambda p, ends, grads: ends[-1] - p),
            "sums_tasks": by(lambda p, ends, grads: (ends - p).sum(0)),
            "gradient_at_the_end": by(lambda p, ends, grads: -grads[-1].mean(0)),
            "sums_gradients": by(lambda p, ends, grads: -torch.stack([*grads]).sum(0).mean(0)),
            "jumps_to_the_mean": lambda trace: {name: ends.mean(0) for name, ends in trace.params.items()},
            "leaves_out_the_start": lambda start, want: {name: p - start[name] for name, p in want.items()},
        },
        also=(THREE.but(trace=two_steps(START, LOWEST, 0.3)),),
    ),
    rival(THREE, "averages_everything", by(lambda p, ends, grads: (ends - p).mean()), of=lambda new: new["w"]),
    equals(THREE, "{moves}. With eps = 0.2, the new start"),
    equals(THREE.but(eps=0.0), "{moves}. With eps = 0, where the start should stay as it is, the new start"),
    equals(SINGLE, "a single task, with eps = 1"),
    at_random(any_trace, what="another start and other tasks, eps = {eps}"),
)

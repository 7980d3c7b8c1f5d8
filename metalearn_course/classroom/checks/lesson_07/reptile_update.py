"""The check of exercise 7.3, reptile_update."""

from __future__ import annotations

import torch
from torch import Tensor, tensor
from torch.func import vmap

from metalearn_course import SGD, Trace, unroll
from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show
from metalearn_course.classroom.checks.lesson_07.shared import Params


@exercise(
    lesson="07",
    number=3,
    title="Reptile",
    minutes=6,
    difficulty=1,
    mistakes=(
        "wrong_sign",
        "last_task_only",
        "sums_tasks",
        "gradient_at_the_end",
        "sums_gradients",
        "jumps_to_the_mean",
        "leaves_out_the_start",
        "averages_everything",
    ),
    hints=(
        "Every task pulled the start to an end of its own. Where do you go if you follow all of them a little?",
        "For each parameter: the mean over tasks, dimension 0, of where a task ended minus where it began. Go a share "
        "`eps` of that way.",
        "`{name: p + eps * (trace.params[name] - p).mean(0) for name, p in start.items()}`.",
    ),
)
def reptile_update(answer: Answer) -> str:
    start = {"w": tensor([1.0, 0.0]), "b": tensor(1.0)}
    lowest = {"w": tensor([[5.0, 4.0], [9.0, 0.0], [13.0, 12.0]]), "b": tensor([5.0, 9.0, 13.0])}
    trace = _trace(start, lowest)
    got = answer(start, trace, 0.2, like=start)
    _name_the_move(got, start, trace)
    for name, want in {"w": tensor([2.2, 0.8]), "b": tensor(2.2)}.items():
        ends = f"the three tasks end at {show(trace.params[name])}, and eps is 0.2"
        expect_close(got[name], want, f"{name!r} starts at {show(start[name])}, {ends}. Where to")
    if not near(answer(start, trace, 0.0, like=start), start):
        raise Mistake("wrong_value", "With eps = 0 the start should stay where it is; yours moved.")
    one = _trace(start, {name: y[:1] for name, y in lowest.items()})
    alone = {name: p[0] for name, p in one.params.items()}
    expect_close(answer(start, one, 1.0, like=start), alone, "a single task, with eps = 1")
    return "a step towards where the tasks went, and no gradient ran through anything."


def _trace(start: Params, lowest: Params) -> Trace:
    """Two steps at rate 1/2 on parabolas with these lowest points, a task each: three quarters of the way."""
    return vmap(lambda y: unroll(_bowl, SGD(0.5), start, [y, y]))(lowest)


def _bowl(params: Params, lowest: Params) -> Tensor:
    return torch.stack([(p - lowest[name]).square().sum() / 2 for name, p in params.items()]).sum()


def _name_the_move(got: Params, start: Params, trace: Trace) -> None:
    """`got` was made with eps = 0.2."""
    ends, steps = trace.params, trace.steps
    by_last_step = steps[-1].grads
    by_all_steps = {name: sum(step.grads[name] for step in steps) for name in start}
    for mistake, wrong, says in (
        (
            "wrong_sign",
            _towards(start, ends, -0.2),
            "goes the other way. Reptile moves the start towards where the tasks ended: end minus start",
        ),
        (
            "last_task_only",
            _towards(start, {name: p[-1:] for name, p in ends.items()}, 0.2),
            "follows the last task alone. Every task has the same say: take the mean over dimension 0",
        ),
        (
            "sums_tasks",
            _towards(start, ends, 3 * 0.2),
            "adds the ways of all three tasks up, so that more tasks would mean a larger step: take their mean",
        ),
        (
            "gradient_at_the_end",
            {name: p - 0.2 * by_last_step[name].mean(0) for name, p in start.items()},
            "comes out when the start goes against the gradient of each task's last step: that is first-order MAML, "
            "with the last batch for a query set. Reptile takes the whole way from start to end",
        ),
        (
            "sums_gradients",
            {name: p - 0.2 * by_all_steps[name].mean(0) for name, p in start.items()},
            "comes out when the start goes against the sum of the inner gradients. With plain gradient descent inside, "
            "that lacks the inner rate; with Adam inside, it has another direction. Take the difference of end and "
            "start",
        ),
        (
            "jumps_to_the_mean",
            _towards(start, ends, 1.0),
            "is the mean of the ends: the start was left behind altogether. Go a share `eps` of the way",
        ),
        (
            "leaves_out_the_start",
            {name: 0.2 * (ends[name] - p).mean(0) for name, p in start.items()},
            "is how far to go, not where to end: add it to the start",
        ),
    ):
        if near(got, wrong):
            told = f"'b' starts at 1, the three tasks end at {show(ends['b'])}, and eps is 0.2: that leads to 2.2"
            raise Mistake(mistake, f"{told}. Your {show(got['b'])} {says}.")
    if near(got["w"], start["w"] + 0.2 * (ends["w"] - start["w"]).mean()):
        raise Mistake(
            "averages_everything",
            f"'w' has two numbers, and both moved equally far, from {show(start['w'])} to {show(got['w'])}, although "
            f"the tasks ended at {show(ends['w'])}. `mean()` averages over all there is: `mean(0)`, over the tasks "
            "alone, keeps the two apart.",
        )


def _towards(start: Params, ends: Params, eps: float) -> Params:
    return {name: p + eps * (ends[name] - p).mean(0) for name, p in start.items()}

"""Checks for lesson 07, learning where to start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, tensor
from torch.func import vmap
from torch.overrides import TorchFunctionMode

from metalearn_course import SGD, Examples, Task, Trace, unroll
from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    instead_of,
    near,
    show,
)
from metalearn_course.tasks.task import stack_tasks

Params = dict[str, Tensor]


def _parabola(params: Params, examples: Examples) -> Tensor:
    """The mean of x (theta - y)^2 / 2: a parabola of curvature x with its lowest point at y."""
    return (examples.x * (params["theta"] - examples.y).square() / 2).mean()


def _task(support: tuple[float, float], query: tuple[float, float]) -> Task:
    """Two parabolas, each (curvature, lowest point)."""
    sets = [Examples(tensor([x]), tensor([y])) for x, y in (support, query)]
    return Task(sets[0], sets[1], torch.empty(0, dtype=torch.int64))


_TASKS = [_task((1.0, -2.0), (2.0, 5.0)), _task((1.0, 6.0), (1.0, 0.0)), _task((2.0, 3.0), (1.0, 4.0))]
_TASK, _LR = _TASKS[0], 0.25
_SAID = (
    "Here the support loss is (theta + 2)^2 / 2, the query loss (theta - 5)^2, the start theta = 2 and the rate 0.25: "
    "the step leads to theta = 1, where the query loss is 16."
)


def _start() -> Params:
    return {"theta": tensor(2.0, requires_grad=True)}


def _at(theta: float, examples: Examples) -> float:
    return _parabola({"theta": tensor(theta)}, examples).item()


@exercise(
    lesson="07",
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
    params = _start()
    with instead_of("changes_inputs", "tasks_chained", _CHAINED):
        got = answer(_parabola, params, _TASK, _LR, like=tensor(0.0))
    _name_the_loss(got.item())
    reached = _gradients(got, params)["theta"]
    if reached is None:
        raise Mistake(
            "cuts_gradient",
            "The loss is right, but no gradient arrives at `params`: somewhere between the start and the loss stands a "
            "`detach`, a `no_grad` or an `item`, and no start can be learned.",
        )
    if near(reached, -8.0):
        raise Mistake(
            "detaches_inner_gradient",
            f"{_SAID} The loss is right, and its gradient with respect to the start should be -6; yours is "
            f"{show(reached.item())}, as if the gradient of the inner step were a constant. But it changes with the "
            "start, too: theta_1 = 0.75 theta - 0.5, a factor of 0.75. That is first-order MAML, the next exercise: "
            "keep the inner gradient differentiable (`torch.func.grad` does, or `create_graph=True`).",
        )
    expect_close(reached, -6.0, f"{_SAID} Its gradient with respect to the start")
    _expect_net(answer)
    _expect_vmap(answer, _maml_loss)
    return "the loss after a step, with a gradient that ran through the step."


_CHAINED = (
    "`params` is not what it was before the call: the step was written into the start itself. The next task then "
    "begins where this one ended, and the order of the tasks decides what is learned. Make a new dict for the adapted "
    "parameters."
)


def _name_the_loss(got: float) -> None:
    support, query, _ = _TASK
    both = Examples(torch.cat([support.x, query.x]), torch.cat([support.y, query.y]))
    start, right, uphill = 2.0, 2.0 - _LR * 4.0, 2.0 + _LR * 4.0  # at the start the support loss has slope 4,
    peeking = [2.0 + _LR * 6.0, 2.0 + _LR * 1.0, 2.0 + _LR * 2.0]  # the query loss -6, their mean -1, their sum -2
    for name, values, says in (
        (
            "judges_the_start",
            [_at(start, query)],
            "is the query loss at the start, as if no step had been taken: judge the adapted parameters",
        ),
        (
            "judged_on_support",
            [_at(right, support), _at(start, support), _at(right, both)],
            "counts the support loss, which the step was made to lower. Whether a start is any good, examples tell "
            "that the step has not seen: the query set",
        ),
        (
            "query_in_inner_step",
            [_at(theta, examples) for theta in peeking for examples in (query, support, both)],
            "comes out when the step looks at the query set: the answers were read before the question was asked. Only "
            "the support set is there to learn from",
        ),
        (
            "climbs",
            [_at(uphill, query)],
            "comes out one step uphill, at theta = 3. A gradient points to where the loss grows: subtract it",
        ),
    ):
        if any(near(got, value) for value in values):
            raise Mistake(name, f"{_SAID} Your {show(got)} {says}.")
    expect_close(got, 16.0, _SAID[:-1])


def _maml_loss(loss: Callable[..., Tensor], params: Params, task: Task, lr: float, first_order: bool = False) -> Tensor:
    return loss(unroll(loss, SGD(lr), params, [task.support], first_order=first_order).params, task.query)


def _gradients(result: Tensor, leaves: Params) -> dict[str, Tensor | None]:
    """The gradient of a scalar with respect to every leaf; None where none arrives."""
    if not result.requires_grad:
        return dict.fromkeys(leaves)
    grads = torch.autograd.grad(result, list(leaves.values()), retain_graph=True, allow_unused=True)
    return dict(zip(leaves, grads, strict=True))


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _net_params() -> Params:
    shapes = {"body.w": (2, 3), "body.b": (3,), "head.w": (3, 1), "head.b": (1,)}
    return {name: _random(*shape, seed=i).requires_grad_() for i, (name, shape) in enumerate(shapes.items())}


def _net(params: Params, examples: Examples) -> Tensor:
    hidden = torch.tanh(examples.x @ params["body.w"] + params["body.b"])
    return (hidden @ params["head.w"] + params["head.b"] - examples.y).square().mean()


_NET_TASK = Task(
    Examples(_random(3, 2, seed=10), _random(3, 1, seed=11)),
    Examples(_random(5, 2, seed=12), _random(5, 1, seed=13)),
    torch.empty(0, dtype=torch.int64),
)


def _by_differences(function: Callable[[Params], Tensor], params: Params) -> tuple[Tensor, Params]:
    """How fast `function` changes along one random direction, by central differences; and that direction."""
    direction = {name: _random(*p.shape, seed=20 + i) for i, (name, p) in enumerate(params.items())}
    ends = [
        function({name: (p + h * direction[name]).detach().requires_grad_() for name, p in params.items()})
        for h in (1e-5, -1e-5)
    ]
    return (ends[0] - ends[1]).detach() / 2e-5, direction


def _along(grads: dict[str, Tensor | None], direction: Params) -> float:
    return sum((g * direction[name]).sum().item() for name, g in grads.items() if g is not None)


def _expect_net(answer: Answer) -> None:
    """Four parameters of other shapes, in float64: the value, and the gradient against differences of the value."""
    params = _net_params()
    got = answer(_net, params, _NET_TASK, 0.3, like=tensor(0.0, dtype=torch.float64))
    expect_close(got, _maml_loss(_net, params, _NET_TASK, 0.3), "the loss of a small network after its step")
    slope, direction = _by_differences(lambda p: answer(_net, p, _NET_TASK, 0.3), params)
    found = _along(_gradients(got, params), direction)
    expect_close(found, slope, "the slope of your loss along a direction, by its gradient and by finite differences")


def _expect_vmap(answer: Answer, reference: Callable[..., Tensor]) -> None:
    """What is written for one task runs for a stack of tasks."""
    stack, params = stack_tasks(_TASKS), _start()
    want = tensor([reference(_parabola, params, task, _LR).item() for task in _TASKS])
    _expect_runs_under_vmap(
        answer, lambda function: vmap(lambda task: function(_parabola, params, task, _LR))(stack), want
    )


def _expect_runs_under_vmap(answer: Answer, expression: Callable[[Callable[..., Any]], Any], want: Any) -> None:
    try:
        got = answer.within(expression, like=want)
    except Mistake as mistake:
        if mistake.name != "raised":
            raise
        raise Mistake(
            "breaks_under_vmap",
            "It is right for one task, but `vmap` has to run it for a stack of tasks. There `torch.func.grad` works, "
            "while `torch.autograd.grad`, `backward` and `.item()` do not, nor does writing into a tensor. What "
            f"happened there: {mistake.message}.",
            mistake.name,
        ) from None
    expect_close(got, want, f"`vmap` of `{answer.name}` on a stack of {len(_TASKS)} tasks")


@exercise(
    lesson="07",
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
    params = _start()
    got = answer(_parabola, params, _TASK, _LR, like=tensor(0.0))
    expect_close(got, 16.0, f"{_SAID} The loss is the same as in `maml_loss`")
    reached = _gradients(got, params)["theta"]
    if reached is None:
        _name_the_cut(answer)
    if near(reached, -6.0):
        raise Mistake(
            "still_second_order",
            f"{_SAID} The gradient with respect to the start is {show(reached.item())}, MAML's own: -8, the slope of "
            "the query loss at theta = 1, times 0.75, because the inner gradient changes with the start. First-order "
            "MAML takes the inner gradient for a constant, and gets -8. Detach that gradient itself.",
        )
    expect_close(reached, -8.0, f"{_SAID} The first-order gradient, the slope of the query loss at theta = 1")
    _expect_first_order_net(answer)
    _expect_vmap(answer, lambda *args: _maml_loss(*args, first_order=True))
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
        answer.within(lambda function: function(_parabola, _start(), _TASK, _LR))
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
    params = _net_params()
    got = answer(_net, params, _NET_TASK, 0.3, like=tensor(0.0, dtype=torch.float64))
    adapted = unroll(_net, SGD(0.3), params, [_NET_TASK.support]).params
    adapted = {name: p.detach().requires_grad_() for name, p in adapted.items()}
    want = _net(adapted, _NET_TASK.query)
    expect_close(got, want, "the loss of a small network after its step")
    slopes, reached = _gradients(want, adapted), _gradients(got, params)
    for name, slope in slopes.items():
        if reached[name] is None:
            raise Mistake("wrong_value", f"No gradient arrives at {name!r} of a small network; expected {show(slope)}.")
        expect_close(reached[name], slope, f"the first-order gradient for {name!r} of a small network")


@exercise(
    lesson="07",
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


@exercise(
    lesson="07",
    title="repair the chain",
    minutes=4,
    difficulty=2,
    mistakes=("tasks_chained", "adapts_once", "sums_tasks", "last_task_only", "cuts_gradient"),
    hints=(
        "Swap the first two tasks of the list. Should the loss of any task be another one?",
        "Every task needs adapted parameters under a name of their own, so that `params` still means the start when "
        "the next one begins. A copy that is cut off, by `deepcopy` or `detach`, would learn nothing.",
        "In the loop, `adapted = {name: p - lr * grads[name] for name, p in params.items()}`, and the loss is "
        "`loss(adapted, task.query)`; or the mean of `maml_loss(loss, params, task, lr)` over the tasks.",
    ),
)
def meta_loss(answer: Answer) -> str:
    params = _start()
    with instead_of("changes_inputs", "tasks_chained", _CHAINED):
        alone = [answer(_parabola, params, [task], _LR, like=tensor(0.0)) for task in _TASKS]
        got = answer(_parabola, params, _TASKS, _LR, like=tensor(0.0))
        swapped = answer(_parabola, params, _TASKS[::-1], _LR, like=tensor(0.0))
    each = [_maml_loss(_parabola, params, task, _LR) for task in _TASKS]
    for i, (one, want) in enumerate(zip(alone, each, strict=True)):
        expect_close(one, want, f"the loss of task {i} alone")
    mean = torch.stack(each).mean()
    told = f"Alone, the three tasks have the losses {show(torch.stack(each))}, {show(mean.item())} on average"
    if not near(got, mean):
        _name_the_tasks(got, swapped, each, told)
    reached = _gradients(got, params)["theta"]
    if reached is None:
        raise Mistake(
            "cuts_gradient",
            "The loss is right, but no gradient arrives at `params`: a copy of the start that was made by `deepcopy`, "
            "`detach` or `tensor` is cut off from it, and nothing is learned. None is needed: the step makes a new "
            "dict.",
        )
    expect_close(reached, _gradients(mean, params)["theta"], "the loss is right; its gradient with respect to theta")
    larger = _TASKS[1]._replace(support=Examples(tensor([1.0, 2.0]), tensor([0.0, 1.0])))
    unequal = [_TASKS[0], larger]
    want = torch.stack([_maml_loss(_parabola, params, task, _LR) for task in unequal]).mean()
    expect_close(answer(_parabola, params, unequal, _LR), want, "two tasks, one with a larger support set")
    return "every task begins at the same start, whatever came before it."


def _name_the_tasks(got: Tensor, swapped: Tensor, each: list[Tensor], told: str) -> None:
    if near(got, torch.stack(each).sum()):
        raise Mistake(
            "sums_tasks",
            f"{told}; your {show(got.item())} is their sum. With more tasks in a batch, the meta-step would grow: take "
            "the mean.",
        )
    if any(near(got, each[i]) or near(got, each[i] / len(each)) for i in (0, -1)):
        raise Mistake(
            "last_task_only",
            f"{told}; your {show(got.item())} is made of a single one. Is the loss overwritten in the loop, or the "
            "`return` inside of it? Add the losses up.",
        )
    slopes = [4.0, -4.0, -2.0]  # of the support losses at the start
    shared = [2.0 - _LR * sum(slopes), 2.0 - _LR * sum(slopes) / 3]
    if any(near(got, sum(_at(theta, task.query) for task in _TASKS) / 3) for theta in shared):
        raise Mistake(
            "adapts_once",
            f"{told}; your {show(got.item())} comes out when one step, along the gradients of all tasks together, is "
            "judged on every query set. Each task takes a step of its own.",
        )
    if not near(got, swapped):
        raise Mistake(
            "tasks_chained",
            f"{told}. Together you make {show(got.item())} of them, and {show(swapped.item())} in the opposite order: "
            "from the second on, tasks begin where the one before them ended. Each has to begin at `params` as they "
            "came in.",
        )
    raise Mistake("wrong_value", f"{told}; got {show(got.item())}.")


@exercise(
    lesson="07",
    title="repair the choice",
    minutes=3,
    difficulty=1,
    mistakes=("chooses_by_test", "lets_test_vote", "reports_validation", "reports_best_test", "takes_the_last"),
    hints=(
        "Of a hundred equally good checkpoints, one has the luckiest test. Whose accuracy is that number?",
        "Two steps that share nothing: the validation column says which checkpoint; then, once, look up that row of "
        "the test column.",
        "`best = int(validation.argmax())`, and `return best, float(test[best])`.",
    ),
)
def choose_checkpoint(answer: Answer) -> str:
    validation, test = tensor([0.70, 0.82, 0.60, 0.80, 0.75]), tensor([0.66, 0.70, 0.80, 0.78, 0.72])
    best, accuracy = answer(validation, test, like=(0, 0.0))
    other = answer(validation, test[tensor([4, 3, 0, 1, 2])], like=(0, 0.0))[0]
    told = f"With validation accuracies {show(validation)} and test accuracies {show(test)}, you keep checkpoint {best}"
    if best == 2:
        raise Mistake(
            "chooses_by_test",
            f"{told}, the one with the best test accuracy. Then the test set took part in the training: its number is "
            "the luckiest of five, and no longer says how the model does on new classes. Choose by validation.",
        )
    if other != best:
        raise Mistake(
            "lets_test_vote",
            f"{told}, and {other} when other checkpoints have these test accuracies: the test set has a say in the "
            "choice. However small, it makes the test number too good. Choose by validation alone.",
        )
    if best == len(test) - 1:
        raise Mistake(
            "takes_the_last",
            f"{told}, the last one, whatever the validation accuracies are. That is honest, but they say that "
            "checkpoint 1 was better: choose the best by validation.",
        )
    if best != 1:
        raise Mistake("wrong_value", f"{told}; checkpoint 1 has the best validation accuracy, 0.82.")
    if near(accuracy, 0.82):
        raise Mistake(
            "reports_validation",
            f"{told} and report {show(accuracy)}, its validation accuracy. It was chosen for that number, so the "
            "number is too good. What nobody chose by is the test accuracy of the same checkpoint.",
        )
    if near(accuracy, 0.80):
        raise Mistake(
            "reports_best_test",
            f"{told} and report {show(accuracy)}, the best test accuracy of all: checkpoint 2 has it, which you do not "
            "keep. Report the test accuracy of the one that you keep.",
        )
    expect_close(accuracy, 0.70, "the test accuracy of checkpoint 1")
    two = answer(tensor([0.9, 0.8]), tensor([0.5, 0.6]), like=(0, 0.0))
    expect_close(two, (0, 0.5), "the choice between validation 0.9, test 0.5 and validation 0.8, test 0.6")
    _expect_honest_tie(answer)
    return "validation chooses, and the test is read once."


def _expect_honest_tie(answer: Answer) -> None:
    """Any of the best may be kept, and the test accuracies have no say in which."""
    validation, test = tensor([0.5, 0.75, 0.75, 0.25]), tensor([0.9, 0.6, 0.7, 0.8])
    (best, accuracy), (other, _) = (answer(validation, row, like=(0, 0.0)) for row in (test, test[[0, 2, 1, 3]]))
    told = f"Checkpoints 1 and 2 share the best validation accuracy, {show(validation)}, and you keep checkpoint {best}"
    if other != best:
        raise Mistake(
            "lets_test_vote",
            f"{told}. When their test accuracies change places, you keep {other}: between equals the test set decides, "
            "and its number comes out too good again. Keep the first of them, or the last, without a look at the test.",
        )
    if best not in (1, 2):
        raise Mistake("wrong_value", f"{told}; keep either of the two.")
    expect_close(accuracy, test[best].item(), f"the test accuracy of checkpoint {best}")


_SUPPORT = tensor([[1.0, 0.0], [3.0, 20.0], [5.0, 40.0]])
_QUERY = tensor([[7.0, 20.0], [3.0, 60.0], [5.0, 0.0], [1.0, -20.0]])


@exercise(
    lesson="07",
    title="repair the statistics",
    minutes=4,
    difficulty=2,
    mistakes=(
        "uses_query_statistics",
        "mixes_statistics",
        "each_by_itself",
        "one_number_for_all_features",
        "leaves_them_raw",
    ),
    hints=(
        "When the first query arrives, alone, which examples are there to take a mean of?",
        "Mean and standard deviation are part of what is learned from the support set. Feature by feature, over its "
        "examples, dimension 0.",
        "`(query - support.mean(0)) / support.std(0)`.",
    ),
)
def normalize_queries(answer: Answer) -> str:
    got = answer(_SUPPORT, _QUERY, like=_QUERY)
    told = f"The query {show(_QUERY[0])} becomes {show(got[0])}"
    neighbors = torch.cat([_QUERY[:1], 3 * _QUERY[1:] + 1])
    moved = answer(_SUPPORT, neighbors, like=_QUERY)
    other_support = answer(3 * _SUPPORT + 1, _QUERY, like=_QUERY)
    if not near(moved[0], got[0]) and near(other_support, got):
        raise Mistake(
            "uses_query_statistics",
            f"{told} among these neighbors, and {show(moved[0])} among others: mean and standard deviation are those "
            "of the query batch. An answer then depends on who else is asked about, and a single query is 0 / 0. Take "
            "them from the support set.",
        )
    if not near(moved[0], got[0]):
        raise Mistake(
            "mixes_statistics",
            f"{told} among these neighbors, and {show(moved[0])} among others: the support set counts now, but the "
            "queries still have a part in the mean or in the standard deviation. Take both from the support set alone.",
        )
    if near(got, _QUERY):
        raise Mistake(
            "leaves_them_raw",
            f"{told}: as it came. Nothing leaks, and nothing is normalized. The support set has a mean and a standard "
            "deviation, too.",
        )
    if near(other_support, got):
        raise Mistake(
            "each_by_itself",
            f"{told}, whatever the support set is: each query was normalized over its own features. Nothing leaks, but "
            "what is high or low for a feature, other examples tell: those of the support set.",
        )
    wants = [(_QUERY - _SUPPORT.mean(0)) / _SUPPORT.std(0, correction=c) for c in (1, 0)]
    if not any(near(got, want, rtol=1e-3) for want in wants):
        _name_the_dimension(got, told)
        expect_close(got, wants[0], "the normalized queries")
    expect_close(answer(_SUPPORT, _QUERY[:1], like=_QUERY[:1]), got[:1], "the first query alone", rtol=1e-3)
    return "a query is measured by what was learned before it came."


def _name_the_dimension(got: Tensor, told: str) -> None:
    s = _SUPPORT
    for mean, std in ((s.mean(), s.std(0)), (s.mean(0), s.std()), (s.mean(), s.std()), (s.mean(), s.std(correction=0))):
        if near(got, (_QUERY - mean) / std, rtol=1e-3):
            raise Mistake(
                "one_number_for_all_features",
                f"{told}: both features were measured by one number, though in the support set their means are 3 and "
                "20, their standard deviations 2 and 20. Features have scales of their own: `mean(0)` and `std(0)`.",
            )


@exercise(
    lesson="07",
    title="does it look at its neighbors?",
    minutes=8,
    difficulty=3,
    stretch=True,
    mistakes=(
        "compares_different_images",
        "exact_comparison",
        "only_permutes",
        "gradient_only",
        "compares_decisions",
        "asks_one_image",
        "misses_nan",
        "nan_is_not_nan",
    ),
    hints=(
        "What would an image's answer be if it were the only one in the batch?",
        "Ask about each image twice: among its neighbors, and without them. Compare the outputs themselves, not the "
        "classes that they choose, and leave room for rounding. `torch.allclose` takes a tolerance, and can treat NaN "
        "as equal to NaN.",
        "`alone = torch.cat([predictor(x[None]) for x in query])`, and `return not torch.allclose(alone, "
        "predictor(query), atol=1e-4, equal_nan=True)`.",
    ),
)
def depends_on_neighbors(answer: Answer) -> str:
    for mistake, predictor, wants, says in _PREDICTORS:
        if answer(predictor, _IMAGES, like=True) != wants:
            raise Mistake(mistake, f"You return {not wants} for a predictor {says}")
    pictures = torch.linspace(-1, 1, 48).reshape(3, 1, 4, 4).sin()
    for name, norm, wants in (
        ("batch norm in train mode", lambda x: F.batch_norm(x, None, None, training=True), True),
        ("batch norm in eval mode", lambda x: F.batch_norm(x, tensor([0.1]), tensor([2.0])), False),
        ("group norm", lambda x: F.group_norm(x, 1), False),
    ):
        got = answer(lambda x, norm=norm: torch.tanh(norm(x)).flatten(1)[:, :3], pictures, like=True)
        expect_close(got, wants, f"whether answers behind {name} depend on neighbors, for 3 images of 4 x 4")
    return "an experiment, not a declaration: the neighbors leave, and the answer stays or does not."


_IMAGES = tensor([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7], [-0.4, 1.2, 0.8], [0.2, -0.6, 1.1]])
_OUTPUTS = tensor([[1.0, -1.0], [0.5, 1.0], [-1.0, 0.5]])


def _pointwise(x: Tensor) -> Tensor:
    return torch.sin(x) @ _OUTPUTS


def _rounded_by_size(x: Tensor) -> Tensor:
    return _pointwise(x) * (1 + 3e-7 * len(x))


def _centered(x: Tensor) -> Tensor:
    return 4 * (x - 2 * x.mean(0)) @ _OUTPUTS


def _centered_unrecorded(x: Tensor) -> Tensor:
    return 4 * (x - 2 * x.mean(0).detach()) @ _OUTPUTS


def _nudged(x: Tensor) -> Tensor:
    return _pointwise(x) + 3 * x.mean()


def _after_the_others(x: Tensor) -> Tensor:
    return _pointwise(x) + (x.cumsum(0) - x) @ _OUTPUTS


def _before_the_others(x: Tensor) -> Tensor:
    return _after_the_others(x.flip(0)).flip(0)


def _scaled(x: Tensor) -> Tensor:
    return _pointwise((x - x.mean(0)) / x.std(0, correction=0))


def _rooted(x: Tensor) -> Tensor:
    return _pointwise((x + 0.65).sqrt())


def _moves(predictor: Callable[[Tensor], Tensor], image: int) -> str:
    alone, among = predictor(_IMAGES[image : image + 1])[0], predictor(_IMAGES)[image]
    return f"image {image} alone gets {show(alone, 3)}, and among its neighbors {show(among, 3)}"


_ONE_IMAGE = "Ask about every image, and change every neighbor."
_PREDICTORS = (
    (
        "compares_different_images",
        _pointwise,
        False,
        "that answers every row of `x` for itself. Did you compare the answers about two different images? Shuffled "
        "answers have to be put back in order, and the image that is asked about stays as it is while its neighbors "
        "change.",
    ),
    (
        "exact_comparison",
        _rounded_by_size,
        False,
        "that answers every row of `x` for itself, but for rounding: in a larger batch, sums are formed in another "
        "order, and answers differ in the seventh digit. Compare with `torch.allclose(..., atol=1e-4)`, not for "
        "equality.",
    ),
    (
        "only_permutes",
        _centered,
        True,
        f"that subtracts twice the mean of the batch from each image: {_moves(_centered, 0)}. Its answers move along "
        "when the batch is shuffled, for a mean does not care about order. Leave the neighbors out, or put others in "
        "their place.",
    ),
    (
        "gradient_only",
        _centered_unrecorded,
        True,
        f"that subtracts twice the mean of the batch, detached: {_moves(_centered_unrecorded, 0)}. No gradient shows "
        "it. Change the neighbors and look at the answer.",
    ),
    (
        "compares_decisions",
        _nudged,
        True,
        f"whose answers shift a little with the batch: {_moves(_nudged, 0)}. The larger output is the same "
        "one, so neither the chosen class nor any accuracy tells. Compare the outputs themselves.",
    ),
    (
        "asks_one_image",
        _after_the_others,
        True,
        f"whose answers take in the images earlier in the batch: {_moves(_after_the_others, 3)}. For image 0 nothing "
        f"changes. {_ONE_IMAGE}",
    ),
    (
        "asks_one_image",
        _before_the_others,
        True,
        f"whose answers take in the images later in the batch: {_moves(_before_the_others, 0)}. For image 3, the last, "
        f"nothing changes. {_ONE_IMAGE}",
    ),
    (
        "misses_nan",
        _scaled,
        True,
        f"that divides by the standard deviation of the batch, which is 0 for a single image: {_moves(_scaled, 0)}. "
        "NaN in place of a number is a change. But every comparison with NaN is false, `nan > 1e-4` as well: ask "
        "whether the answers are close, not whether they are far apart.",
    ),
    (
        "nan_is_not_nan",
        _rooted,
        False,
        f"that answers every row of `x` for itself, by square roots: {_moves(_rooted, 0)}. NaN both times is no "
        "change. But NaN equals nothing, not even itself, unless `torch.allclose` is told `equal_nan=True`.",
    ),
)


@exercise(
    lesson="07",
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
    body = _gradients(got["body"], params)["body"]
    slopes = _gradients(got["head"], params)
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
    _expect_runs_under_vmap(
        answer,
        lambda function: vmap(lambda support: function(_product, params, support, 0.1, 2, ["head"]))(stack),
        {name: torch.stack([one[name] for one in want]).detach() for name in params},
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
    params, head = _net_params(), ["head.w", "head.b"]

    def after(p: Params) -> Tensor:
        return _net(answer(_net, p, _NET_TASK.support, 0.2, 3, head, like=params), _NET_TASK.query)

    got = answer(_net, params, _NET_TASK.support, 0.2, 3, head, like=params)
    want = _anil(_net, params, _NET_TASK.support, 0.2, 3, head)
    for name, p in want.items():
        expect_close(got[name], p, f"{name!r} of a small network after three steps")
    slope, direction = _by_differences(after, params)
    found = _along(_gradients(after(params), params), direction)
    expect_close(found, slope, "the slope of the query loss along a direction, by its gradient and by differences")

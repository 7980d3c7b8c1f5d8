"""Checks for lesson 01, supervised training."""

import torch
from torch import Tensor, eye, tensor, zeros
from torch.func import grad
from torch.nn.functional import cross_entropy

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show
from metalearn_course.tasks.task import Examples

Params = dict[str, Tensor]


def losses(params: Params, batch: Examples) -> Tensor:
    """The cross-entropy of every example of `batch` under the network of lesson 01: one number an example.

    params: "w1", "b1", "w2", "b2". batch: x (n, inputs), y (n,) class numbers. Returns (n,).
    Given, so that the exercise `train` does not wait for the exercise `forward`.
    """
    return cross_entropy(_logits(params, batch.x), batch.y, reduction="none")


def _logits(params: Params, x: Tensor) -> Tensor:
    return (x @ params["w1"] + params["b1"]).relu() @ params["w2"] + params["b2"]


@exercise(
    lesson="01",
    title="a network is a function of its parameters",
    minutes=8,
    difficulty=1,
    mistakes=("ignores_params", "gradient_lost", "no_activation", "activation_on_output", "softmax_on_output"),
    hints=(
        "If somebody calls `forward` twice with the same `x` and different `params`, what has to change?",
        "Each layer is `x @ w + b`. The ReLU stands between the two layers, and nothing comes after the second.",
        '`hidden = (x @ params["w1"] + params["b1"]).relu()`; the second layer is the same without `relu`.',
    ),
)
def forward(answer: Answer) -> str:
    _uses_params(answer)
    params = {
        "w1": tensor([[1.0, 1.0], [1.0, -1.0]]),
        "b1": tensor([0.0, -1.0]),
        "w2": tensor([[1.0, -1.0], [2.0, 1.0]]),
        "b2": tensor([0.5, 0.0]),
    }
    x = tensor([[1.0, 2.0], [-1.0, -1.0]])
    before = x @ params["w1"] + params["b1"]
    right = _logits(params, x)
    got = answer(params, x, like=right)
    row = f"x = {show(x[0])}"
    if near(got, before @ params["w2"] + params["b2"]):
        raise Mistake(
            "no_activation",
            f"{row} gave {show(got[0])}. The first layer gives {show(before[0])}, and the negative number went on into "
            "the second. Without a ReLU between them, two layers are one affine map, as a single layer is.",
        )
    if near(got, right.relu()):
        raise Mistake(
            "activation_on_output",
            f"{row} gave {show(got[0])}; the second layer gives {show(right[0])}. A ReLU behind the last layer cuts "
            "off every negative output: all low scores become the same 0.",
        )
    if near(got, right.softmax(-1)) or near(got, right.log_softmax(-1)):
        raise Mistake(
            "softmax_on_output",
            f"{row} gave {show(got[0])}; the second layer gives {show(right[0])}. The cross-entropy takes the softmax "
            "itself, and a regression wants none: return the outputs as they are.",
        )
    expect_close(got, right, f"two examples through a network with w1 = {show(params['w1'])}: the outputs")
    _gradient_arrives(answer, params, x)
    return "a network is f(params, x): whoever holds the params can change them, save them, or differentiate by them."


def _uses_params(answer: Answer) -> None:
    """Whether the result depends on `params` at all, at the size of lesson 01's network."""
    sizes = {"w1": (64, 32), "b1": (32,), "w2": (32, 10), "b2": (10,)}
    blank = {name: zeros(size) for name, size in sizes.items()}
    full = {name: 0.1 * torch.randn(size) for name, size in sizes.items()}
    x = torch.rand(3, 64)
    of_blank, of_full = answer(blank, x, like=zeros(3, 10)), answer(full, x, like=zeros(3, 10))
    if _is_linked(answer, full, x) or near(of_full, _logits(full, x)):
        return
    same = near(of_blank, of_full)
    raise Mistake(
        "ignores_params",
        f"With every weight and bias in `params` at zero, the first output is {show(of_blank[0, 0].item(), 2)}"
        + (f", and with random ones it is {show(of_full[0, 0].item(), 2)} as well. " if same else ". ")
        + "So `forward` computes with weights of its own, a module's perhaps: take all four tensors from `params`.",
    )


def _is_linked(answer: Answer, params: Params, x: Tensor) -> bool:
    """Whether autograd finds a way from the result back to any of `params`."""
    leaves = {name: p.clone().requires_grad_() for name, p in params.items()}
    out = answer(leaves, x, like=zeros(len(x), params["b2"].numel()))
    if not out.requires_grad:
        return False
    return any(g is not None for g in torch.autograd.grad(out.sum(), list(leaves.values()), allow_unused=True))


def _gradient_arrives(answer: Answer, params: Params, x: Tensor) -> None:
    if not _is_linked(answer, params, x):
        raise Mistake(
            "gradient_lost",
            "The outputs are right, but their gradient with respect to `params` is None: the numbers were copied "
            '(into a module, by `.data`, `.detach()` or `no_grad`). Compute with `params["w1"]` itself, so that '
            "training can reach it.",
        )


@exercise(
    lesson="01",
    title="one step of gradient descent",
    minutes=5,
    difficulty=1,
    mistakes=("updates_in_place", "plus_sign", "forgets_rate"),
    hints=(
        "The loss grows along the gradient. Which way does a step have to go, and who still needs the old params?",
        "A dict comprehension makes the new dict: go through the names, and make a new tensor for each.",
        "`return {name: p - lr * grads[name] for name, p in params.items()}`",
    ),
)
def sgd_update(answer: Answer) -> str:
    params = {"w1": tensor([[1.0, -1.0]]), "b1": tensor([0.5])}
    grads = {"w1": tensor([[2.0, 4.0]]), "b1": tensor([-1.0])}
    try:
        got = answer(params, grads, 0.1, like=params)
    except Mistake as mistake:
        if mistake.name != "changes_inputs" or "`params" not in mistake.message:
            raise
        message = (
            f"{mistake.message} (`p -= ...` writes into the old tensor, even from inside a copied dict; "
            "`params[name] = ...` into the old dict.) In lesson 02 a hundred tasks start from the same `params`."
        )
        raise Mistake("updates_in_place", message, mistake.name) from None
    what = f"w1 = {show(params['w1'])} with gradient {show(grads['w1'])} and lr = 0.1"
    if near(got, {name: p + 0.1 * grads[name] for name, p in params.items()}):
        raise Mistake(
            "plus_sign",
            f"{what} became {show(got['w1'])}: along the gradient, which is where the loss grows. "
            "Gradient descent goes against it.",
        )
    if near(got, {name: p - grads[name] for name, p in params.items()}):
        raise Mistake(
            "forgets_rate",
            f"{what} became {show(got['w1'])}: the whole gradient was subtracted. The rate says how much of it: the "
            "one star of this update.",
        )
    expect_close(got, {name: p - 0.1 * grads[name] for name, p in params.items()}, f"{what}: the update")
    other = {"w": tensor(3.0)}
    expect_close(
        answer(other, {"w": tensor(-2.0)}, 0.5, like=other), {"w": tensor(4.0)}, "w = 3, gradient -2, lr = 0.5"
    )
    return "new params against the gradient, and the old ones are still there."


_START = {"w1": eye(2), "b1": zeros(2), "w2": zeros(2, 2), "b2": zeros(2)}
_ONE = Examples(tensor([[1.0, 2.0]]), tensor([0]))
_TWO = Examples(tensor([[2.0, 1.0]]), tensor([1]))


def _gradient(params: Params, batch: Examples) -> Params:
    return grad(lambda params: losses(params, batch).mean())(params)


def _step(params: Params, grads: Params, lr: float) -> Params:
    return {name: p - lr * grads[name] for name, p in params.items()}


@exercise(
    lesson="01",
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


@exercise(
    lesson="01",
    title="momentum",
    minutes=10,
    difficulty=2,
    stretch=True,
    mistakes=(
        "velocity_restarts",
        "keeps_old_state",
        "rate_twice",
        "rate_in_velocity",
        "changes_state_in_place",
        "averages_gradient",
        "steps_with_old_velocity",
        "swaps_results",
    ),
    hints=(
        "What does this update have to remember, so that the next call knows which way it was going?",
        "First the new velocity, from the old one in `state` and the gradient; the rate has no part in it. Then the "
        "params, by the *new* velocity. Return both.",
        "`velocity = {name: momentum * state[name] + g for name, g in grads.items()}`",
    ),
)
def momentum_update(answer: Answer) -> str:
    params, grads, state = {"w1": tensor([1.0])}, {"w1": tensor([2.0])}, {"w1": tensor([6.0])}
    try:
        got = answer(params, grads, state, 0.1, 0.5, like=(params, state))
    except Mistake as mistake:
        if mistake.name != "changes_inputs" or "`state" not in mistake.message:
            raise
        message = f"{mistake.message} The new velocity is the second thing that you return."
        raise Mistake("changes_state_in_place", message, mistake.name) from None
    what = "w1 = 1, gradient 2, velocity 6, lr = 0.1, momentum = 0.5"
    new, velocity = got[0]["w1"].item(), got[1]["w1"].item()
    if near(new, 5.0) and near(velocity, 0.5):
        raise Mistake(
            "swaps_results",
            f"{what}: the first dict holds {show(new)}, which is the new velocity, and the second {show(velocity)}, "
            "which is the new w1. Both numbers are right: return them the other way round, (new_params, new_state).",
        )
    if near(new, 0.8):
        raise Mistake(
            "velocity_restarts",
            f"{what}: w1 became 0.8, which is plain gradient descent, as if the velocity had been 0. Half of the 6 has "
            "to come along: begin with `state`, not with zeros.",
        )
    if near(velocity, 6.0) and near(new, 0.5):
        raise Mistake(
            "keeps_old_state",
            f"{what}: w1 became 0.5, rightly, but the velocity that comes back is still 6. The next call would not "
            "know of this step: return the new velocity, 5.",
        )
    became = f"w1 became {show(new)} and the velocity {show(velocity)}; expected 0.5 and 5"
    if (near(velocity, 3.2) and near(new, 0.68)) or (near(velocity, 5.0) and near(new, 0.95)):
        raise Mistake(
            "rate_twice",
            f"{what}: {became}. The gradient met the rate twice on its way, so it counts 0.01. Multiply by the rate "
            "once, in the step.",
        )
    of_more = answer(params, grads, state, 0.1, 0.75, like=(params, state))[1]["w1"].item()
    if near(velocity, 4.0) and near(of_more, 5.0):  # 0.5 * (6 + 2) is 4 as well, but with 0.75 it is 6
        raise Mistake(
            "averages_gradient",
            f"{what}: {became}. The velocity is an average, 0.5 * 6 + 0.5 * 2, so the gradient counts half. Here only "
            "the old velocity is multiplied: add the whole gradient, 0.5 * 6 + 2.",
        )
    if near(new, 0.4) and (near(velocity, 5.0) or near(velocity, 6.0)):
        raise Mistake(
            "steps_with_old_velocity",
            f"{what}: {became}. The step was 0.1 times 6, the velocity from before this gradient, so the gradient "
            "comes one step late. First the new velocity, then the step with it.",
        )
    if near(velocity, 3.2):
        raise Mistake(
            "rate_in_velocity",
            f"{what}: {became}. The velocity collected 0.1 times the gradient. Let it collect plain gradients, and let "
            "the rate act in the step alone: a new rate then acts at once, on all that was collected.",
        )
    expect_close(got, ({"w1": tensor([0.5])}, {"w1": tensor([5.0])}), f"{what}: (params, state)")
    _two_calls(answer)
    return "the state comes in and goes out: an optimizer with a memory and nothing hidden."


def _two_calls(answer: Answer) -> None:
    params, state = {"w1": tensor([1.0, 0.0]), "b1": tensor(0.0)}, {"w1": zeros(2), "b1": tensor(0.0)}
    for gradient in (tensor([2.0, -1.0]), tensor([2.0, 0.0])):
        grads = {"w1": gradient, "b1": tensor(1.0)}
        params, state = answer(params, grads, state, 0.1, 0.9, like=(params, state))
    want = {"w1": tensor([0.42, 0.19]), "b1": tensor(-0.29)}, {"w1": tensor([3.8, -0.9]), "b1": tensor(1.9)}
    expect_close((params, state), want, "two calls in a row from velocity 0, lr = 0.1, momentum = 0.9: (params, state)")

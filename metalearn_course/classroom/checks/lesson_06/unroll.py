"""The check of exercise 6.1, unroll."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from metalearn_course import update_rules
from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    expect_kind,
    gradient_at,
    near,
    show,
)
from metalearn_course.classroom.checks.lesson_06.shared import (
    BENT,
    BENT_BATCHES,
    Watched,
    bent,
    f64,
    missing_slope,
    squares,
    told_slope,
)
from metalearn_course.classroom.values import describe
from metalearn_course.update_rules import SGD, Adam, Momentum, Params, UpdateRule


class _Careful:
    """A rule that looks at the loss: the larger it is, the shorter the step."""

    def __init__(self, lr: Tensor) -> None:
        self.lr = lr

    def init(self, params: Params) -> Any:
        return ()

    def update(self, params: Params, grads: Params, state: Any, loss: Tensor) -> tuple[Params, Any]:
        return {name: p - self.lr / (1 + loss) * grads[name] for name, p in params.items()}, state


@exercise(
    lesson="06",
    number=1,
    title="training as one function",
    minutes=10,
    difficulty=2,
    mistakes=(
        "gradient_needs_a_leaf",
        "swaps_gradient_and_loss",
        "returns_params_only",
        "ignores_rule",
        "first_batch_always",
        "gradient_at_start",
        "starts_again_each_batch",
        "stops_after_first_batch",
        "wrong_loss_for_rule",
        "drops_state",
        "detaches_each_step",
        "detaches_start",
        "gradient_is_constant",
    ),
    hints=(
        "Had the start been a little larger, where would the training have ended? Which of your lines forgets where a "
        "tensor came from?",
        "Ask the rule once for its first state. Then, for each batch: loss and gradient at the params you have now, "
        "and the rule makes the next params and the next state of them. `torch.func.grad_and_value(loss)` gives both, "
        "and a gradient can run through them; `torch.autograd.grad` needs `create_graph=True` for that.",
        "`grads, value = grad_and_value(loss)(params, batch)`, then "
        "`params, state = rule.update(params, grads, state, value)`.",
    ),
)
def unroll(answer: Answer) -> str:
    start, batches = {"w": f64(0.0)}, [f64(1.0), f64(3.0)]
    rule = Watched(SGD(0.25))
    got = _first_run(answer, rule, start, batches)
    if not rule.losses:
        raise Mistake(
            "ignores_rule",
            "`rule.update` was never called, so that this loop is plain gradient descent, whoever asks. The rule "
            "decides how the params move: hand it params, gradients, state and loss, and take what it returns.",
        )
    expect_kind(got, (start, ()), f"the result of `{answer.name}`")
    _name_the_batches(got[0]["w"].item())
    _expect_losses(rule.losses, [1.0, 6.25])
    _expect_memory(answer, start, batches)
    _expect_way_back(answer, batches)
    for rule_of in (SGD, Momentum, Adam, _Careful):
        _expect_reference(answer, rule_of)
    return "a whole training is one expression, and a gradient runs through it to the squares and to the stars."


def _first_run(answer: Answer, rule: Watched, start: Params, batches: list[Tensor]) -> Any:
    try:
        got = answer(squares, rule, start, batches)
    except Mistake as mistake:
        if mistake.name != "raised":
            raise
        grads, loss = (rule.grads[-1], rule.losses[-1]) if rule.grads else (None, None)
        if isinstance(grads, Tensor) and isinstance(loss, dict):
            raise Mistake(
                "swaps_gradient_and_loss",
                "`rule.update` was handed the loss as `grads`, and the gradients as the loss. "
                "`grad_and_value(loss)(params, batch)` returns (gradient, loss), in this order. What happened then: "
                f"{mistake.message}",
                mistake.name,
            ) from None
        no_gradient = isinstance(grads, dict) and any(g is None for g in grads.values())
        if no_gradient or "does not require grad" in mistake.message:
            raise Mistake(
                "gradient_needs_a_leaf",
                "The first `params` may come without `requires_grad`, and after a step params are no leaves any more: "
                "their `.grad` stays None. Use gradients as results: `grad_and_value(loss)(params, batch)` gives them "
                f"whatever `params` are. What happened here: {mistake.message}",
                mistake.name,
            ) from None
        raise
    if isinstance(got, dict):
        raise Mistake(
            "returns_params_only",
            f"`{answer.name}` returned a dict, the params alone; expected the pair `(params, state)`. To train on, one "
            "needs what the rule remembers.",
            "wrong_type",
        )
    return got


def _name_the_batches(w: float) -> None:
    """The end of two steps of SGD, rate 0.25, from w = 0 toward 1 and toward 3: 0.5, then 1.75."""
    what = "From w = 0, with the loss (w - target)², SGD at rate 0.25 and the batches 1 and 3"
    for name, wrong, says in (
        (
            "first_batch_always",
            0.75,
            "Both steps went toward 1, the first batch. Batches are used one after another, each in its turn.",
        ),
        (
            "gradient_at_start",
            2.0,
            "The second step used the gradient at w = 0, where training began. By then w is 0.5: measure where you "
            "are now.",
        ),
        (
            "starts_again_each_batch",
            1.5,
            "That is where the second batch alone leads from 0: the first step left no trace. Hand its params on.",
        ),
        (
            "stops_after_first_batch",
            0.5,
            "That is where the first step leads. Does `return` stand behind the loop rather than inside it?",
        ),
    ):
        if near(w, wrong):
            raise Mistake(name, f"{what}, w ended at {show(w)}; expected 1.75. {says}")
    expect_close(w, 1.75, f"{what}: the last w")


def _expect_losses(seen: list[Any], want: list[float]) -> None:
    advice = (
        "Hand it the loss that was measured at this step, a tensor of shape (): some rules look at it, and a gradient "
        "has to run through it, too."
    )
    for loss in seen:
        if not isinstance(loss, Tensor):
            what = "the loss function itself" if callable(loss) else f"{show(loss)}, {describe(loss)}"
            what = "None" if loss is None else what
            raise Mistake("wrong_loss_for_rule", f"The last argument of `rule.update`, `loss`, was {what}. {advice}")
    if len(seen) != len(want):  # a rule has no memory of its own, so asking it twice changes nothing
        return
    for step, (loss, value) in enumerate(zip(seen, want, strict=True)):
        if loss.shape != () or not near(loss, value):
            raise Mistake(
                "wrong_loss_for_rule",
                f"At step {step} the last argument of `rule.update`, `loss`, was {show(loss)}; expected {show(value)}, "
                f"the loss before the step, whose gradient the rule gets beside it. {advice}",
            )


def _expect_memory(answer: Answer, start: Params, batches: list[Tensor]) -> None:
    """Momentum 0.5: velocities -2, then 0.5 * -2 - 5 = -6, and w goes 0, 0.5, 2."""
    rule = Momentum(0.25, 0.5)
    params, state = answer(squares, rule, start, batches, like=(start, start))
    what = "The same with momentum 0.5"
    if near(params["w"], 1.75):
        raise Mistake(
            "drops_state",
            f"{what}: w ended at 1.75, exactly as without momentum; expected 2. Every step was "
            "handed the state of the beginning, velocity 0. What the rule returns as its state is what it gets at the "
            "next step; `rule.init` is called once.",
        )
    expect_close((params, state), ({"w": f64(2.0)}, {"w": f64(-6.0)}), f"{what}: (params, state)")


def _expect_way_back(answer: Answer, batches: list[Tensor]) -> None:
    """d w_2 / d w_0 = (1 - 2 alpha)^2 = 0.25, d w_2 / d alpha = 2 (1 - 2 alpha) + 5 = 6."""
    w, lr = f64(0.0).requires_grad_(), f64(0.25).requires_grad_()
    end = answer(squares, SGD(lr), {"w": w}, batches, like=({"w": w.detach()}, ()))[0]["w"]
    to_start, to_rate = gradient_at(end, w), gradient_at(end, lr)
    what = "The numbers are right, and then the way back was tried, from the last w, after the batches 1 and 3"
    if missing_slope(to_start) and not missing_slope(to_rate) and near(to_rate, 6.0):
        raise Mistake(
            "detaches_start",
            f"{what}: at the rate the gradient is 6, as it should be, but at the start it is {told_slope(to_start)} "
            "instead of 0.25. You went on with a copy of the start that has forgotten where it came from (`detach`, "
            "`.data`): take the params that you were given.",
        )
    if missing_slope(to_start):
        raise Mistake(
            "detaches_each_step",
            f"{what}: at the start the gradient is {told_slope(to_start)} instead of 0.25, at the rate "
            f"{told_slope(to_rate)} instead of 6. Every step began on numbers that have forgotten the one before "
            "(`detach`, `.data`, `no_grad`, `backward`). It trains just as well, and nothing can be learned about it.",
        )
    if near(to_start, 1.0):
        raise Mistake(
            "gradient_is_constant",
            f"{what}: at the start the gradient is 1, as if the steps did not depend on it; each step shrinks what is "
            "behind it by 1 - 0.25 * 2 = 0.5, so it should be 0.25. The gradients of your steps are constants: "
            "`torch.autograd.grad` needs `create_graph=True`, and nothing may be detached from what it gives.",
        )
    expect_close(to_start, f64(0.25), f"{what}: the gradient at the start")
    if to_rate is None:
        raise Mistake("wrong_value", f"{what}: at the rate inside the rule the gradient is None; expected 6.")
    expect_close(to_rate, f64(6.0), f"{what}: the gradient at the rate")


def _expect_reference(answer: Answer, rule_of: Callable[[Tensor], UpdateRule]) -> None:
    """Three steps on a bent loss: the result, and the gradients of a query loss at the start and at the rate."""
    start = {name: p.clone().requires_grad_() for name, p in BENT.items()}
    lr = f64(0.1).requires_grad_()
    trace = update_rules.unroll(bent, rule_of(lr), start, BENT_BATCHES)
    got = answer(bent, rule_of(lr), start, BENT_BATCHES, like=(trace.params, trace.state))
    rule = "a rule that takes shorter steps where the loss is large" if rule_of is _Careful else rule_of.__name__
    what = f"three steps of {rule} on a small network"
    expect_close(got, (trace.params, trace.state), f"{what}: (params, state)")
    for name, leaf in {"start['w']": start["w"], "start['b']": start["b"], "the rate": lr}.items():
        reached, full = (gradient_at(bent(end, BENT_BATCHES[0]), leaf) for end in (got[0], trace.params))
        if reached is not None and near(reached, full):
            continue
        said = f"After {what}, the gradient at {name} is {told_slope(reached)}; expected {told_slope(full)}."
        if rule_of is _Careful:
            raise Mistake(
                "wrong_loss_for_rule",
                f"{said} The rule computes with the loss that you hand it, and that loss has forgotten where it came "
                "from (`.detach()`, `.data`). Hand it over as it was measured.",
            )
        raise Mistake("wrong_value", f"{said} Somewhere on the way a tensor lost its past.")

"""Checks for lesson 06, the learner and the meta-learner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn, tensor
from torch.func import functional_call, grad

from metalearn_course import update_rules
from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    expect_kind,
    instead_of,
    near,
    show,
)
from metalearn_course.classroom.values import describe
from metalearn_course.tasks.task import Examples
from metalearn_course.update_rules import SGD, Adam, Momentum, Params, UpdateRule


def _f64(value: Any) -> Tensor:
    return tensor(value, dtype=torch.float64)


def _squares(params: Params, target: Tensor) -> Tensor:
    """(w - target)^2: small enough to follow by hand, with the gradient 2 (w - target)."""
    return (params["w"] - target).square().sum()


def _bent(params: Params, batch: Examples) -> Tensor:
    """Two tensors of parameters, and a curvature that differs from place to place."""
    return ((batch.x @ params["w"] + params["b"]).tanh() - batch.y).square().mean() + params["w"].pow(4).sum()


_BENT: Params = {"w": _f64([0.6, -0.4]), "b": _f64(0.2)}
_BENT_BATCHES = [
    Examples(_f64([[1.0, 0.5], [-0.3, 2.0]]), _f64([0.5, -1.0])),
    Examples(_f64([[0.2, -1.0]]), _f64([1.0])),
    Examples(_f64([[-1.0, 1.0], [0.4, 0.8], [1.5, 0.0]]), _f64([0.3, 0.9, -0.2])),
]


class _Watched:
    """An update rule that remembers the gradients and losses it was handed."""

    def __init__(self, rule: UpdateRule) -> None:
        self.__dict__.update(vars(rule))
        self.rule = rule
        self.grads: list[Any] = []
        self.losses: list[Any] = []

    def init(self, params: Params) -> Any:
        return self.rule.init(params)

    def update(self, params: Params, grads: Params, state: Any, loss: Tensor) -> tuple[Params, Any]:
        self.grads.append(grads)
        self.losses.append(loss)
        if isinstance(grads, Tensor):
            raise TypeError("`grads` is a tensor; expected a dict like `params`")
        return self.rule.update(params, grads, state, loss)


class _Careful:
    """A rule that looks at the loss: the larger it is, the shorter the step."""

    def __init__(self, lr: Tensor) -> None:
        self.lr = lr

    def init(self, params: Params) -> Any:
        return ()

    def update(self, params: Params, grads: Params, state: Any, loss: Tensor) -> tuple[Params, Any]:
        return {name: p - self.lr / (1 + loss) * grads[name] for name, p in params.items()}, state


def _slope(result: Tensor, leaf: Tensor) -> Tensor | None:
    """The gradient of a scalar with respect to a leaf, or None where no way leads back to it."""
    if not result.requires_grad:
        return None
    return torch.autograd.grad(result, leaf, retain_graph=True, allow_unused=True)[0]


def _missing(gradient: Tensor | None) -> bool:
    return gradient is None or not gradient.any()


def _arrived(gradient: Tensor | None) -> str:
    return "None" if gradient is None else show(gradient)


@exercise(
    lesson="06",
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
    start, batches = {"w": _f64(0.0)}, [_f64(1.0), _f64(3.0)]
    rule = _Watched(SGD(0.25))
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


def _first_run(answer: Answer, rule: _Watched, start: Params, batches: list[Tensor]) -> Any:
    try:
        got = answer(_squares, rule, start, batches)
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
    params, state = answer(_squares, rule, start, batches, like=(start, start))
    what = "The same with momentum 0.5"
    if near(params["w"], 1.75):
        raise Mistake(
            "drops_state",
            f"{what}: w ended at 1.75, exactly as without momentum; expected 2. Every step was "
            "handed the state of the beginning, velocity 0. What the rule returns as its state is what it gets at the "
            "next step; `rule.init` is called once.",
        )
    expect_close((params, state), ({"w": _f64(2.0)}, {"w": _f64(-6.0)}), f"{what}: (params, state)")


def _expect_way_back(answer: Answer, batches: list[Tensor]) -> None:
    """d w_2 / d w_0 = (1 - 2 alpha)^2 = 0.25, d w_2 / d alpha = 2 (1 - 2 alpha) + 5 = 6."""
    w, lr = _f64(0.0).requires_grad_(), _f64(0.25).requires_grad_()
    end = answer(_squares, SGD(lr), {"w": w}, batches, like=({"w": w.detach()}, ()))[0]["w"]
    to_start, to_rate = _slope(end, w), _slope(end, lr)
    what = "The numbers are right, and then the way back was tried, from the last w, after the batches 1 and 3"
    if _missing(to_start) and not _missing(to_rate) and near(to_rate, 6.0):
        raise Mistake(
            "detaches_start",
            f"{what}: at the rate the gradient is 6, as it should be, but at the start it is {_arrived(to_start)} "
            "instead of 0.25. You went on with a copy of the start that has forgotten where it came from (`detach`, "
            "`.data`): take the params that you were given.",
        )
    if _missing(to_start):
        raise Mistake(
            "detaches_each_step",
            f"{what}: at the start the gradient is {_arrived(to_start)} instead of 0.25, at the rate "
            f"{_arrived(to_rate)} instead of 6. Every step began on numbers that have forgotten the one before "
            "(`detach`, `.data`, `no_grad`, `backward`). It trains just as well, and nothing can be learned about it.",
        )
    if near(to_start, 1.0):
        raise Mistake(
            "gradient_is_constant",
            f"{what}: at the start the gradient is 1, as if the steps did not depend on it; each step shrinks what is "
            "behind it by 1 - 0.25 * 2 = 0.5, so it should be 0.25. The gradients of your steps are constants: "
            "`torch.autograd.grad` needs `create_graph=True`, and nothing may be detached from what it gives.",
        )
    expect_close(to_start, _f64(0.25), f"{what}: the gradient at the start")
    if to_rate is None:
        raise Mistake("wrong_value", f"{what}: at the rate inside the rule the gradient is None; expected 6.")
    expect_close(to_rate, _f64(6.0), f"{what}: the gradient at the rate")


def _expect_reference(answer: Answer, rule_of: Callable[[Tensor], UpdateRule]) -> None:
    """Three steps on a bent loss: the result, and the gradients of a query loss at the start and at the rate."""
    start = {name: p.clone().requires_grad_() for name, p in _BENT.items()}
    lr = _f64(0.1).requires_grad_()
    trace = update_rules.unroll(_bent, rule_of(lr), start, _BENT_BATCHES)
    got = answer(_bent, rule_of(lr), start, _BENT_BATCHES, like=(trace.params, trace.state))
    rule = "a rule that takes shorter steps where the loss is large" if rule_of is _Careful else rule_of.__name__
    what = f"three steps of {rule} on a small network"
    expect_close(got, (trace.params, trace.state), f"{what}: (params, state)")
    for name, leaf in {"start['w']": start["w"], "start['b']": start["b"], "the rate": lr}.items():
        reached, full = (_slope(_bent(end, _BENT_BATCHES[0]), leaf) for end in (got[0], trace.params))
        if reached is not None and near(reached, full):
            continue
        said = f"After {what}, the gradient at {name} is {_arrived(reached)}; expected {_arrived(full)}."
        if rule_of is _Careful:
            raise Mistake(
                "wrong_loss_for_rule",
                f"{said} The rule computes with the loss that you hand it, and that loss has forgotten where it came "
                "from (`.detach()`, `.data`). Hand it over as it was measured.",
            )
        raise Mistake("wrong_value", f"{said} Somewhere on the way a tensor lost its past.")


@exercise(
    lesson="06",
    title="what the rate is told",
    minutes=7,
    difficulty=2,
    mistakes=(
        "both_at_start",
        "both_at_theta_1",
        "points_swapped",
        "plus_sign",
        "support_loss_twice",
        "query_loss_twice",
        "steps_uphill",
        "rate_as_factor",
        "forgets_a_tensor",
        "averages_products",
    ),
    hints=(
        "A slightly larger rate moves theta_1 a little further. In which direction, and what does the query loss say "
        "about going that way?",
        "By the chain rule, the query gradient at theta_1 times what the rate does to theta_1. And theta_1 is theta_0 "
        "minus the rate times the support gradient at theta_0.",
        "`-sum((query_grads[name] * support_grads[name]).sum() for name in params)`, where `query_grads` were taken "
        "at theta_1.",
    ),
)
def rate_gradient(answer: Answer) -> str:
    start, lr = {"w": _f64(0.0)}, _f64(0.25)
    support, query = _f64(1.0), _f64(3.0)
    got = answer(_squares, start, support, query, lr, like=_f64(0.0))
    what = f"theta_0 = 0, L_S = (w - 1)², L_B = (w - 3)², rate 0.25: got {show(got.item())}, expected -10"
    for name, wrong, says in (
        (
            "both_at_start",
            (-12.0, 12.0),
            "Both gradients were taken at theta_0 = 0, where they are -2 and -6. But the query set judges the weights "
            "after the step: its gradient belongs to theta_1 = 0.5, where it is -5.",
        ),
        (
            "both_at_theta_1",
            (-5.0, 5.0),
            "Both gradients were taken at theta_1 = 0.5, where they are -1 and -5. But the step was made with the "
            "support gradient at theta_0, which is -2.",
        ),
        (
            "points_swapped",
            (-6.0, 6.0),
            "Your query gradient is -6, at theta_0 = 0, and your support gradient -1, at theta_1 = 0.5: the two points "
            "are swapped. The step was made with the support gradient at theta_0, -2; the query set judges at theta_1, "
            "where its gradient is -5.",
        ),
        (
            "rate_as_factor",
            (-2.5, 2.5),
            "That is the product of the two gradients times the rate, 0.25. But theta_1 = theta_0 - lr * gradient, and "
            "its derivative with respect to lr is the gradient alone, with its minus.",
        ),
        (
            "support_loss_twice",
            (-2.0, 2.0),
            "That is the support gradient at theta_1 = 0.5, -1, times the support gradient at theta_0, -2: it says how "
            "a larger rate fits what was seen already. The query set is the judge; its gradient at theta_1 is -5.",
        ),
        (
            "query_loss_twice",
            (-18.0, -30.0),
            "You stepped along the gradient of the query loss, or multiplied by it. The learner sees the support set "
            "only; the query set comes in afterwards, to judge.",
        ),
        (
            "steps_uphill",
            (-14.0, 14.0),
            "Your theta_1 is -0.5: the step went along the support gradient, where the support loss grows. It goes to "
            "theta_0 - 0.25 * (-2) = 0.5.",
        ),
        (
            "plus_sign",
            (10.0,),
            "The size is right. But both gradients point the same way here: going further down on the support set goes "
            "further down on the query set. The query loss falls as the rate grows, and a gradient says so by a minus.",
        ),
    ):
        if any(near(got, value) for value in wrong):
            raise Mistake(name, f"{what}. {says}")
    expect_close(got, _f64(-10.0), what.partition(": got")[0])
    _expect_all_products(answer)
    _expect_slope(answer, *_BENT_BATCHES[:2])
    _expect_slope(answer, *_BENT_BATCHES[1:])
    plane = {"w": tensor([0.0, 0.0])}, tensor([1.0, 0.0]), tensor([0.0, 1.0])
    got = answer(_squares, *plane, tensor(0.5), like=tensor(0.0))
    expect_close(got, 4.0, "theta_0 = [0, 0], L_S = |w - [1, 0]|², L_B = |w - [0, 1]|², rate 0.5, in float32")
    return "one product of two gradients says whether the rate was too small."


def _difference(function: Callable[[float], Tensor], at: float, nudge: float = 1e-5) -> Tensor:
    """The slope of a function of one number, by finite differences in float64."""
    return (function(at + nudge) - function(at - nudge)) / (2 * nudge)


def _expect_slope(answer: Answer, support: Examples, query: Examples) -> None:
    def query_loss(lr: float) -> Tensor:
        return _bent(update_rules.unroll(_bent, SGD(lr), _BENT, [support]).params, query)

    got = answer(_bent, _BENT, support, query, _f64(0.3), like=_f64(0.0))
    what = "A small network, one step at rate 0.3: the slope of its query loss against the rate, by finite differences"
    expect_close(got, _difference(query_loss, 0.3), what, rtol=1e-5)


def _bowl(params: Params, target: Tensor) -> Tensor:
    return (params["w"] - target).square().sum() + (params["b"] + target.sum()).square()


def _expect_all_products(answer: Answer) -> None:
    """Gradients [-2, 0] and 4 on the support set, [-3, 2] and 2 on the query set: their product is 6 + 0 + 8."""
    start = {"w": _f64([0.0, 0.0]), "b": _f64(1.0)}
    got = answer(_bowl, start, _f64([1.0, 0.0]), _f64([2.0, -1.0]), _f64(0.25), like=_f64(0.0))
    what = (
        "Two tensors, w and b, with the support gradients [-2, 0] and 4 at theta_0 and the query gradients [-3, 2] and "
        f"2 at theta_1: got {show(got.item())}, expected -(6 + 0 + 8) = -14"
    )
    for name, says in (("w", -6.0), ("b", -8.0)):
        if near(got, says):
            raise Mistake(
                "forgets_a_tensor",
                f"{what}. Only `{name}` was counted. The step moves all of theta, and so does the rate: add up the "
                "products over every tensor of the dict.",
            )
    if any(near(got, wrong) for wrong in (-11.0, -7.0, -14 / 3)):
        raise Mistake(
            "averages_products",
            f"{what}. Somewhere a mean was taken. A dot product adds up, over all numbers of all tensors: every weight "
            "that moves changes the loss by its own part.",
        )
    expect_close(got, _f64(-14.0), what.partition(": got")[0])


@exercise(
    lesson="06",
    title="a step of the meta-optimizer",
    minutes=8,
    difficulty=2,
    mistakes=(
        "updates_squares",
        "loss_on_support",
        "loss_before_training",
        "star_never_moves",
        "ignores_meta_optimizer",
        "climbs",
        "gradients_pile_up",
        "loss_after_the_move",
        "trains_on_query",
        "first_batch_only",
        "ignores_rule",
        "gradient_is_constant",
        "gradient_lost",
    ),
    hints=(
        "In lesson 01 a step was: predict, measure, gradient, update. Which of these does a whole training take the "
        "place of now, and who is updated?",
        "Train on the batches, measure on the query set, clear the old gradients, run back, let the meta-optimizer "
        "step. The first line is your `unroll`, or the course's.",
        "`meta_loss = loss(trained, query)`, then `meta_optimizer.zero_grad()`, `meta_loss.backward()`, "
        "`meta_optimizer.step()`.",
    ),
)
def meta_step(answer: Answer) -> str:
    _expect_one_meta_step(answer)
    _expect_clean_gradients(answer)
    _expect_whole_training(answer)
    _expect_other_rules(answer)
    return "the star moves, and every training starts from the same squares."


class _Bench:
    """A star in a rule, a meta-optimizer that owns it, and a learner with one weight: w = 0, loss (w - target)²."""

    def __init__(self, meta_rate: float = 0.01) -> None:
        self.star = _f64(0.25).requires_grad_()
        self.rule = _Watched(SGD(self.star))
        self.optimizer = torch.optim.SGD([self.star], lr=meta_rate)

    def step(self, answer: Answer, batches: list[float], query: float) -> tuple[float, float]:
        """The meta-loss that was returned, and where the star is now."""
        targets = [_f64(target) for target in batches]
        got = _meta_loss(answer, _squares, self.rule, {"w": _f64(0.0)}, targets, _f64(query), self.optimizer)
        return got.item(), self.star.item()


def _meta_loss(answer: Answer, *inputs: Any) -> Tensor:
    like = next(iter(inputs[2].values())).new_zeros(())
    try:
        return answer(*inputs, like=like)
    except Mistake as mistake:
        if mistake.name == "changes_inputs" and "`params" in mistake.message:
            raise Mistake(
                "updates_squares",
                f"{mistake.message} The squares are the learner's: each training begins with them as they were, and "
                "what it made of them is thrown away after the query set has judged. What stays is the star, and the "
                "meta-optimizer moves it.",
                mistake.name,
            ) from None
        if mistake.name == "raised" and "does not require grad" in mistake.message:
            raise Mistake(
                "gradient_lost",
                "The meta-loss has no way back to the star: somewhere between them (`detach`, `.data`, `no_grad`, "
                f"`.item()`) the numbers were kept and their past was dropped. What happened there: {mistake.message}",
                mistake.name,
            ) from None
        raise


def _expect_one_meta_step(answer: Answer) -> None:
    bench = _Bench()
    meta_loss, star = bench.step(answer, [1.0], 3.0)
    what = "One inner step from w = 0 toward 1 at rate 0.25, then judged at 3"
    for name, wrong, says in (
        (
            "loss_on_support",
            0.25,
            "It is (0.5 - 1)², on the batch that was trained on: the star would learn to fit what is seen. Judge on "
            "the query set.",
        ),
        (
            "loss_before_training",
            9.0,
            "It is (0 - 3)², with the weights as they were before training, and the star has no part in it. Judge the "
            "weights that came out of training.",
        ),
        (
            "trains_on_query",
            1.5625,
            "It is (1.75 - 3)²: the learner made one more step, on the query set itself, before it was judged there. "
            "Train on `batches` only.",
        ),
        (
            "trains_on_query",
            2.25,
            "It is (1.5 - 3)²: the inner step went toward 3, the query set itself, before it was judged there. Train "
            "on `batches`.",
        ),
    ):
        if near(meta_loss, wrong):
            raise Mistake(name, f"{what}: the meta-loss is {show(meta_loss)}; expected (0.5 - 3)² = 6.25. {says}")
    if near(star, 0.25, rtol=1e-9, atol=1e-9):
        raise Mistake(
            "star_never_moves",
            f"{what}: the star was 0.25 and is 0.25 still. The meta-loss has to run back (`backward`), and then the "
            "meta-optimizer has to step, with that gradient not yet cleared away. Moving the weights once more is the "
            "rule's work, not a meta-step.",
        )
    still = _Bench(meta_rate=0.0)
    still_star = still.step(answer, [1.0], 3.0)[1]
    if not near(still_star, 0.25):
        raise Mistake(
            "ignores_meta_optimizer",
            f"{what}, with a meta-optimizer of rate 0, which moves nothing: the star went to {show(still_star)} all "
            "the same. Let the meta-optimizer that you are given step; it may have a momentum, a memory, a rate of its "
            "own.",
        )
    if near(star, 0.15):
        raise Mistake(
            "climbs",
            f"{what}: the star went from 0.25 to 0.15. A larger rate would have come nearer to 3, so that the gradient "
            "at the star is -10, and descent at 0.01 leads to 0.35. Was a sign turned?",
        )
    if not bench.rule.losses:
        raise Mistake(
            "ignores_rule",
            "`rule.update` was never called: these steps are plain gradient descent, whichever rule holds the stars. "
            "`unroll` with this rule does the inner training.",
        )
    if near(star, 0.35) and near(meta_loss, 5.29):
        raise Mistake(
            "loss_after_the_move",
            f"{what}: the star went to 0.35, as it should, but the meta-loss returned is (0.7 - 3)² = 5.29, that of a "
            "second training, with the star where it is now. Return the one whose gradient moved the star, "
            "(0.5 - 3)² = 6.25.",
        )
    expect_close(star, 0.35, f"{what}, meta-optimizer SGD at 0.01: the star")
    expect_close(meta_loss, 6.25, f"{what}: the meta-loss that is returned")


def _expect_clean_gradients(answer: Answer) -> None:
    bench = _Bench()
    stars = [bench.step(answer, [1.0], 3.0)[1] for _ in range(2)]
    if near(stars[1], 0.542):
        raise Mistake(
            "gradients_pile_up",
            f"Two meta-steps: the star went from 0.25 to {show(stars[0])} and to {show(stars[1])}; expected 0.442. The "
            "gradient of the second is -9.2, and the meta-optimizer saw -19.2: that of the first was still there, "
            "for `backward` adds to `.grad`. Clear it before every `backward`.",
        )
    expect_close(stars, [0.35, 0.442], "two meta-steps from 0.25: where the star is after each")


def _expect_whole_training(answer: Answer) -> None:
    """Targets 1 and 3, query 4.25: w is 0.5, then 1.75; the meta-loss 6.25 has the gradient -5 * 6 at the rate."""
    bench = _Bench()
    meta_loss, star = bench.step(answer, [1.0, 3.0], 4.25)
    what = "Two inner steps from w = 0, toward 1 and toward 3, at rate 0.25, then judged at 4.25"
    if near(meta_loss, 3.75**2):
        raise Mistake(
            "first_batch_only",
            f"{what}: the meta-loss is {show(meta_loss)}, which is that of w = 0.5, after the first step alone; "
            "expected 6.25. Every batch is one inner step.",
        )
    if near(meta_loss, 6.25) and near(star, 0.25 + 0.35):
        raise Mistake(
            "gradient_is_constant",
            f"{what}: the star went to 0.6; expected 0.55. The first step changes where the second one measures, and "
            "that way back to the star is missing: inner gradients were taken as constants. `unroll` keeps their past; "
            "`torch.autograd.grad` does with `create_graph=True`.",
        )
    if near(meta_loss, 6.25) and near(star, 0.25 + 0.4):
        raise Mistake(
            "gradients_pile_up",
            f"{what}: the star went to 0.65; expected 0.55. The gradient of the meta-loss is -30, and the "
            "meta-optimizer saw -40: a `backward` of the inner training had left the gradient of a support loss at the "
            "star. Take inner gradients as results (`unroll`, `torch.func.grad`), or clear just before the meta-loss "
            "runs back.",
        )
    expect_close([meta_loss, star], [6.25, 0.55], f"{what}, meta-optimizer SGD at 0.01: [meta-loss, star]")


def _expect_other_rules(answer: Answer) -> None:
    """Two stars in one rule, a meta-optimizer with a memory, tensors in float32."""

    def after(step: Callable[..., Tensor]) -> list[float]:
        stars = [tensor(0.1).requires_grad_(), tensor(0.5).requires_grad_()]
        rule, optimizer = Momentum(*stars), torch.optim.Adam(stars, lr=0.01)
        start = {name: p.float() for name, p in _BENT.items()}
        *batches, query = (Examples(batch.x.float(), batch.y.float()) for batch in _BENT_BATCHES)
        losses = [step(_bent, rule, start, batches, query, optimizer) for _ in range(3)]
        return [value.item() for value in (*losses, *stars)]

    got, want = after(lambda *inputs: _meta_loss(answer, *inputs)), after(_meta_step)
    what = "A small network under momentum 0.5 at rate 0.1, both of them stars, and three meta-steps of Adam at 0.01"
    expect_close(got[3:], want[3:], f"{what}: the two stars")
    expect_close(got[:3], want[:3], f"{what}: the three meta-losses")


def _meta_step(
    loss: Any, rule: UpdateRule, params: Params, batches: Any, query: Any, optimizer: torch.optim.Optimizer
) -> Tensor:
    meta_loss = loss(update_rules.unroll(loss, rule, params, batches).params, query)
    optimizer.zero_grad()
    meta_loss.backward()
    optimizer.step()
    return meta_loss.detach()


@exercise(
    lesson="06",
    title="what the start is told",
    minutes=8,
    difficulty=3,
    stretch=True,
    mistakes=(
        "drops_factor",
        "query_curvature",
        "curvature_at_theta_1",
        "slope_for_curvature",
        "query_gradient_at_start",
        "plus_in_factor",
        "forgets_rate",
        "loses_the_one",
    ),
    hints=(
        "Move the start by a hair. Does theta_1 move by a hair, too? What about a place where the support loss is "
        "strongly curved?",
        "theta_1 = theta_0 - lr * L_S'(theta_0) depends on theta_0 twice: directly, and through the support gradient. "
        "Write down its derivative, and multiply by what the query loss says at theta_1.",
        "`grad(query_loss)(theta_1) * (1 - lr * grad(grad(support_loss))(start))`",
    ),
)
def start_gradient(answer: Answer) -> str:
    def support_loss(w: Tensor) -> Tensor:
        return w**4 / 4

    def query_loss(w: Tensor) -> Tensor:
        return 2 * (w - 1.5) ** 2

    got = answer(support_loss, query_loss, _f64(1.0), 0.5, like=_f64(0.0))
    what = f"theta_0 = 1, L_S = w⁴ / 4, L_B = 2 (w - 1.5)², rate 0.5: got {show(got.item())}, expected 2"
    for name, wrong, says in (
        (
            "drops_factor",
            -4.0,
            "That is L_B' at theta_1 = 0.5 alone, as if theta_1 moved just as far as theta_0. But the step moves, too: "
            "L_S'' is 3, and the factor 1 - 0.5 * 3 = -0.5 even turns the sign. (Leaving it out has a name, "
            "first-order; lesson 07 asks when that is allowed.)",
        ),
        (
            "query_curvature",
            4.0,
            "In your factor stands L_B'', which is 4. The step was made on the support set, and how the step changes "
            "with the start is L_S'', which is 3.",
        ),
        (
            "curvature_at_theta_1",
            -2.5,
            "Your L_S'' is 0.75, at theta_1 = 0.5. The step was made at theta_0 = 1, and there it is 3.",
        ),
        (
            "slope_for_curvature",
            -2.0,
            "In your factor stands L_S', the slope, which is 1. How the slope changes with the start is the second "
            "derivative L_S'', which is 3.",
        ),
        (
            "query_gradient_at_start",
            1.0,
            "Your L_B' is -2, at theta_0 = 1. The query set judges the weights after the step: at theta_1 it is -4.",
        ),
        (
            "plus_in_factor",
            -10.0,
            "Your factor is 1 + 0.5 * 3 = 2.5. The step goes against the gradient, so that the minus of the step "
            "stands in the factor, too.",
        ),
        (
            "forgets_rate",
            8.0,
            "Your factor is 1 - 3 = -2. The gradient enters theta_1 times the rate, and so does its derivative: "
            "1 - 0.5 * 3.",
        ),
        (
            "loses_the_one",
            6.0,
            "Your factor is -0.5 * 3 = -1.5: only the step was differentiated. theta_1 = theta_0 - lr * L_S'(theta_0) "
            "has theta_0 in it twice, and the first one gives the 1. Was it detached?",
        ),
    ):
        if near(got, wrong):
            raise Mistake(name, f"{what}. {says}")
    expect_close(got, _f64(2.0), what.partition(": got")[0])
    for start, lr in ((0.3, 0.2), (-1.2, 0.7)):
        want = _difference(lambda w, lr=lr: _wave(w - lr * grad(_hill)(_f64(w))), start)
        got = answer(_hill, _wave, _f64(start), lr, like=_f64(0.0))
        what = f"L_S = exp(-w²), L_B = sin(3 w), theta_0 = {start:g}, rate {lr:g}: the slope by finite differences"
        expect_close(got, want, what, rtol=1e-5)
    got = answer(support_loss, query_loss, tensor(1.0), 0.5, like=tensor(0.0))
    expect_close(got, 2.0, "the first example in float32")
    return "the start hears the query set through the step, and the step multiplies by a factor."


def _hill(w: Tensor) -> Tensor:
    return (-w * w).exp()


def _wave(w: Tensor) -> Tensor:
    return (3 * w).sin()


@exercise(
    lesson="06",
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
    support, query = (Examples(_f64([[x]]), _f64([[y]])) for x, y in ((1.0, 1.0), (2.0, 3.0)))
    lr = _f64(0.25).requires_grad_()
    new = _stepped(answer, net, support, lr)
    what = "A line with weight 0 and bias 0, one example (1, 1), mean squared error, rate 0.25"
    expect_close(new, {"weight": _f64([[0.5]]), "bias": _f64([0.5])}, f"{what}: the new params")
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
    to_weight, to_bias, to_rate = (_slope(query_loss, leaf) for leaf in (net.weight, net.bias, lr))
    told = [0.0 if _missing(g) else g.item() for g in (to_weight, to_bias)]
    at_start = "None" if _missing(to_weight) and _missing(to_bias) else show(told)
    what = (
        "The new weights are right, weight 0.5 and bias 0.5. Then the loss at the query (2, 3) was run back: at the "
        f"start arrives {at_start}, at the rate {_arrived(to_rate)}; expected [-1.5, 1.5] and -18"
    )
    if at_start == "None" and _missing(to_rate):
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
    if near(told, [-1.5, 1.5]) and _missing(to_rate):
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
        reached, full = (_slope(loss(params, examples), leaf) for params in (new, want))
        if reached is None or not near(reached, full):
            raise Mistake(
                "wrong_value",
                f"One step of a network with two layers: the gradient at {name} is {_arrived(reached)}; expected "
                f"{_arrived(full)}.",
            )

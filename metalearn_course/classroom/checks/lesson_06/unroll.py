"""The check of exercise 6.1, unroll."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from torch import Tensor
from torch.func import grad

from metalearn_course import update_rules
from metalearn_course.classroom.flow import gradients_at
from metalearn_course.classroom.values import show
from metalearn_course.tasks.task import Examples
from metalearn_course.update_rules import SGD, Adam, Momentum, Params, UpdateRule

from ..at_random import Draw, at_random
from ..kit import Answer, Case, Check, equals, fails, looks, near, rivals
from .shared import BENT, BENT_BATCHES, F64, Watched, bent, f64, missing_slope, squares

Values = dict[str, Any] | None


def unroll(loss: Callable[..., Tensor], rule: UpdateRule, params: Params, batches: list[Any]) -> tuple[Params, Any]:
    return update_rules.unroll(loss, rule, params, batches)[:2]


class Careful(SGD):
    """A rule that looks at the loss: the larger it is, the shorter the step."""

    def update(self, params: Params, grads: Params, state: Any, loss: Tensor) -> tuple[Params, Any]:
        return SGD(self.lr / (1 + loss)).update(params, grads, state, loss)


def watched(function: Answer, loss: Any, rule: UpdateRule, params: Params, batches: list[Tensor]) -> Any:
    """What came back, and the losses that the rule was handed."""
    watch = Watched(rule)
    return function(loss, watch, params, batches), watch.losses


def no_tensor(got: Any) -> Values:
    wrong = [loss for loss in got[1] if not isinstance(loss, Tensor)]
    return {"what": "the loss function itself" if callable(wrong[0]) else show(wrong[0])} if wrong else None


def another_loss(got: Any, want: Any) -> Values:
    if len(got[1]) != len(want[1]):  # a rule has no memory of its own, so asking it twice changes nothing
        return None
    steps = ({"step": t, "loss": loss, "right": want[1][t]} for t, loss in enumerate(got[1]))
    return next((step for step in steps if not near(step["loss"], step["right"])), None)


def run_back(function: Answer, loss: Any, rule: Any, params: Params, batches: Any, end: Any, rate: Tensor) -> Any:
    """(params, state), and the gradients of `end` of these params at the start and at the rate inside the rule."""
    leaves = {name: p.requires_grad_() for name, p in {**params, "rate": rate}.items()}
    got = function(loss, rule(rate), params, batches, like=unroll(loss, rule(rate), params, batches))
    return got, gradients_at(end(got[0]), leaves)


def loss_lost(got: Any, want: Any) -> Values:
    """The params are right, and another gradient arrives."""
    pairs = ((leaf, got[1][leaf], right) for leaf, right in want[1].items() if near(got[0], want[0]))
    return next(({"leaf": n, "reached": g, "right": w} for n, g, w in pairs if not near(g, w)), None)


def on(choose: Callable[[list[Any]], list[Any]]) -> Callable[..., Any]:
    """What comes out of these batches."""
    return lambda loss, rule, params, batches: unroll(loss, rule, params, choose(batches))


def all_at_start(loss: Any, rule: Any, params: Params, batches: list[Any]) -> Any:
    moved = params
    for batch in batches:
        moved, _ = rule.update(moved, grad(loss)(params, batch), (), None)
    return moved, ()


def any_training(draw: Draw) -> Case:
    batches = [Examples(draw.normal(n, 2, dtype=F64), draw.normal(n, dtype=F64)) for n in (3, 1, 2, 4)]
    start, rule = draw.tree({"w": (2,), "b": ()}, dtype=F64), (SGD, Momentum, Adam)[draw.count(0, 2)]
    return THREE.but(rule=rule, params=start, batches=batches, rate=f64(draw.number(0.01, 0.02)))


INPUTS = {"loss": squares, "rule": SGD(0.25), "params": {"w": f64(0.0)}, "batches": [f64(1.0), f64(3.0)]}
TWO, WATCHED = Case(**INPUTS), Case(watched, **INPUTS)
MOMENTUM = TWO.but(rule=Momentum(0.25, 0.5))
BACK = Case(run_back, **INPUTS | {"rule": SGD}, end=lambda params: params["w"], rate=f64(0.25))
THREE = BACK.but(loss=bent, params=BENT, batches=BENT_BATCHES, end=lambda params: bent(params, BENT_BATCHES[0]))
STEPS = {rule.__name__: THREE.but(rule=rule, rate=f64(0.1)) for rule in (SGD, Momentum, Adam)}
CAREFUL = THREE.but(rule=Careful, rate=f64(0.1))

CHECK = Check(
    unroll,
    fails(WATCHED, "swaps_gradient_and_loss", match="is a tensor and `loss` a dict"),
    fails(WATCHED, "gradient_needs_a_leaf", match="does not require grad|gradient is None"),
    looks(WATCHED, "returns_params_only", lambda got: isinstance(got[0], dict), seen_as="wrong_type"),
    looks(WATCHED, "ignores_rule", lambda got: not got[1]),
    rivals(
        TWO,
        {
            "first_batch_always": on(lambda batches: batches[:1] * 2),
            "gradient_at_start": all_at_start,
            "starts_again_each_batch": on(lambda batches: batches[1:]),
            "stops_after_first_batch": on(lambda batches: batches[:1]),
        },
        also=(TWO.but(rule=SGD(0.15), batches=[f64(2.0), f64(5.0)]),),
    ),
    equals(TWO, "From w = 0, with the loss (w - target)², SGD at rate 0.25, the batches 1 and 3: (params, state)"),
    looks(WATCHED, "wrong_loss_for_rule/kind", no_tensor),
    looks(WATCHED, "wrong_loss_for_rule", another_loss),
    looks(MOMENTUM, "drops_state", lambda got: near(got[0]["w"], 1.75)),
    equals(MOMENTUM, "The same with momentum 0.5: (params, state)"),
    looks(BACK, "detaches_start", lambda got: missing_slope(got[1]["w"]) and near(got[1]["rate"], 6.0)),
    looks(BACK, "detaches_each_step", lambda got: missing_slope(got[1]["w"])),
    looks(BACK, "gradient_is_constant", lambda got: near(got[1]["w"], 1.0)),
    equals(BACK, "The gradients of the last w, at the start and at the rate: ", of=itemgetter(1)),
    *(equals(case, f"three steps of {name} on a small network: (result, gradients)") for name, case in STEPS.items()),
    looks(CAREFUL, "wrong_loss_for_rule/forgets", loss_lost),
    equals(CAREFUL, "three steps of a rule that takes shorter steps where the loss is large: (result, gradients)"),
    at_random(any_training, what="four steps of {rule.__name__} on a small network: (result, gradients)"),
)

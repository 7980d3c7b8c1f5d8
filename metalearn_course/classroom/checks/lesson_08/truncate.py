"""The check of exercise 8.5, truncate."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

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
from metalearn_course.classroom.checks.lesson_08.shared import f64, random_f64, unwatched, with_gradient
from metalearn_course.update_rules import Adam, Momentum, Params, unroll


@exercise(
    lesson="08",
    number=5,
    title="cut the past off",
    minutes=4,
    difficulty=1,
    stretch=True,
    mistakes=(
        "detaches_params_only",
        "detaches_state_only",
        "resets_state",
        "resets_params",
        "copies_only",
        "misses_nested",
    ),
    hints=(
        "The next segment of a training begins with two things from the last one. Through which of them could a "
        "gradient go back?",
        "Same numbers, no past: `detach` does it for one tensor. Every tensor needs it, those of `params` and those of "
        "`state`, however deep they are nested; `tree_map` reaches them all.",
        "`return tree_map(lambda t: t.detach(), params), tree_map(lambda t: t.detach(), state)`.",
    ),
)
def truncate(answer: Answer) -> str:
    params, state = {"w": f64([1.0, -2.0]), "b": f64(0.5)}, {"w": f64([0.25, 3.0]), "b": f64(-1.0)}
    got = answer(params, state, like=(params, state))
    _expect_values(got, params, state, "Between two segments")
    for rule in (Momentum, Adam):
        _expect_cut(answer, rule)
    nested = ({"h": random_f64(3, seed=0), "c": [random_f64(2, seed=1)]}, (random_f64(seed=2), {}))
    params = with_gradient({"w": random_f64(2, seed=3)})
    state = tree_map(lambda t: 2 * t, with_gradient(nested))
    got = unwatched(answer)({"w": 2 * params["w"]}, state)
    expect_kind(got, (params, state), f"the result of `{answer.name}`")
    if any(t.grad_fn is not None for t in tree_leaves(got)):
        raise Mistake(
            "misses_nested",
            "States of one dict are cut off, but in a tuple that holds dicts and lists of tensors some still remember "
            "where they came from. The next rule may keep such a state: `tree_map` reaches every tensor of it.",
        )
    expect_close(got[1], state, "a nested state")
    return "the values go on, and the gradient stays in its segment."


def _bowl(params: Params, target: Tensor) -> Tensor:
    return sum((p - target).square().sum() for p in params.values())


def _expect_cut(answer: Answer, rule: type[Momentum] | type[Adam]) -> None:
    """After two steps of a rule with one star."""
    star = f64(0.1).requires_grad_()
    start = {"w": f64([1.0, -2.0]).requires_grad_(), "b": f64(0.5).requires_grad_()}
    trace = unroll(_bowl, rule(star), start, [f64(3.0), f64(0.0)])
    params, state = trace.params, trace.state
    connected = [t for t in tree_leaves((params, state)) if t.requires_grad]
    got = unwatched(answer)(params, state)
    expect_kind(got, (params, state), f"the result of `{answer.name}`")
    told = f"After two steps of {rule.__name__}"
    if not all(t.requires_grad for t in connected):
        raise Mistake(
            "changes_inputs",
            f"{told}, `{answer.name}` cuts its arguments themselves off (`detach_` does). The segment that just ended "
            "may still need them for its own gradient: make new tensors.",
        )
    _expect_values(got, params, state, told)
    leaves = [star, *start.values()]
    past = [any(gradient_at(t.sum(), leaf) is not None for t in tree_leaves(tree) for leaf in leaves) for tree in got]
    again = "The next segment's gradient would run on into this segment, whose graph `backward` has already used up"
    if all(past):
        raise Mistake(
            "copies_only",
            f"{told}, params and state came back with the right values, and a gradient still runs from both back to "
            f"the rate and to the start. {again}. `clone`, `copy` and `requires_grad_` do not cut: `detach` does.",
        )
    if past[1]:
        raise Mistake(
            "detaches_params_only",
            f"{told}, the params are cut off, but a gradient still runs from the state, {_kept(rule)}, back to the "
            f"start. {again}. Detach the state as well.",
        )
    if past[0]:
        raise Mistake(
            "detaches_state_only",
            f"{told}, the state is cut off, but a gradient still runs from the params back to the start. {again}. "
            "Detach the params as well.",
        )


def _kept(rule: type) -> str:
    return "the velocity" if rule is Momentum else "the means that Adam keeps"


def _expect_values(got: Any, params: Params, state: Any, told: str) -> None:
    if not any(p.any() for p in got[0].values()):
        raise Mistake(
            "resets_params",
            f"{told}, the params came back as {show(got[0]['w'])} instead of {show(params['w'])}: the training would "
            "begin anew. It goes on; only the way back ends here.",
        )
    expect_close(got[0], params, f"{told}, the params")
    if not near(got[1], state) and not any(t.any() for t in tree_leaves(got[1])):
        raise Mistake(
            "resets_state",
            f"{told}, the state came back as zeros: the rule would have forgotten what it knew, every few steps. The "
            "cut concerns gradients; the values of the state stay as they are.",
        )
    expect_close(got[1], state, f"{told}, the state")

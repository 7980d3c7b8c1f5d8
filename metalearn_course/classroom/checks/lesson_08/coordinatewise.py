"""The check of exercise 8.3, coordinatewise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from metalearn_course.classroom.checks import (
    Answer,
    Mistake,
    exercise,
    expect_close,
    expect_kind,
    expect_under_vmap,
    gradients_at,
    near,
    show,
)
from metalearn_course.classroom.checks.lesson_08.shared import f64, random_f64, unwatched, with_gradient
from metalearn_course.update_rules import Params

_PART = "the cell was handed a part of phi"
_PHI: Params = {
    "read": f64([1.0, -0.5, 0.7]),
    "memory": f64([[0.3, -0.6, 0.2], [0.5, 0.4, -0.1], [-0.2, 0.3, 0.6]]),
    "out": f64([0.4, 0.3, -0.5]),
    "start": f64([0.1, -0.2, 0.3]),
}


def _cell(phi: Params, g: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """A small recurrent network: one gradient () and the hidden state (3,) make a step () and the next state."""
    if phi["memory"].shape != (3, 3):
        raise ValueError(f"{_PART}, 'memory' of shape {tuple(phi['memory'].shape)}; expected {(3, 3)}")
    h = (g * phi["read"] + h @ phi["memory"]).tanh()
    return h @ phi["out"], h


def _reference(params: Params, history: list[Params], phi: Params = _PHI, cut: bool = False) -> list[Params]:
    """The parameters after each of the steps; `cut` detaches the hidden states between them."""
    states = {name: phi["start"].expand(p.numel(), -1) for name, p in params.items()}
    path = []
    for grads in history:
        moved = {name: vmap(_cell, (None, 0, 0))(phi, grads[name].flatten(), states[name]) for name in params}
        params = {name: p + moved[name][0].reshape(p.shape) for name, p in params.items()}
        states = {name: h.detach() if cut else h for name, (_, h) in moved.items()}
        path.append(params)
    return path


def _run(answer: Answer, params: Params, history: list[Params], phi: Params = _PHI) -> list[Params]:
    """The learner's parameters after each of the steps."""
    call = unwatched(answer) if phi is not _PHI else answer
    states, path = None, []
    for grads in history:
        got = call(_cell, phi, params, grads, states)
        pair = isinstance(got, tuple) and len(got) == 2
        expect_kind(got, (params, got[1] if pair else params), f"the result of `{answer.name}`")
        params, states = got
        path.append(params)
    return path


_THREE = {"w": f64([1.0, 2.0, 3.0])}
_FIRST, _SECOND = {"w": f64([0.5, -1.0, 2.0])}, {"w": f64([1.0, 0.3, -0.7])}


@exercise(
    lesson="08",
    number=3,
    title="one rule for every coordinate",
    minutes=12,
    difficulty=3,
    mistakes=(
        "one_state_for_all",
        "weights_per_coordinate",
        "mixes_gradients",
        "ignores_start",
        "forgets_state",
        "subtracts_step",
        "returns_the_step",
        "cuts_gradient",
        "breaks_under_vmap",
    ),
    hints=(
        "Two coordinates have seen different gradients so far. May they remember the same? And if they have seen the "
        "same ones, may they do different things?",
        "A parameter of n numbers needs n hidden states, a row for each; at first every row is `phi['start']`. Lay the "
        "gradient out flat and let `vmap` run the cell over its n numbers and the n states, with the same `phi` for "
        "all (`in_dims=(None, 0, 0)`). Give the n steps the shape of the parameter, and add them.",
        "For each name: `step, new[name] = vmap(cell, in_dims=(None, 0, 0))(phi, grads[name].flatten(), h)`, where "
        "`new` is a new dict and `h` is `states[name]`, or before the first step `phi['start'].expand(p.numel(), -1)`. "
        "The new parameter is `p + step.reshape(p.shape)`.",
    ),
)
def coordinatewise(answer: Answer) -> str:
    _name_the_walk(answer)
    shapes = {"0.weight": (2, 3), "0.bias": (3,), "2.weight": (1, 3), "scale": ()}
    params = {name: random_f64(*shape, seed=i) for i, (name, shape) in enumerate(shapes.items())}
    history = [
        {name: random_f64(*shape, seed=10 * t + i) for i, (name, shape) in enumerate(shapes.items())} for t in (1, 2, 3)
    ]
    for t, (got, want) in enumerate(
        zip(_run(answer, params, history), _reference(params, history), strict=True), start=1
    ):
        expect_close(got, want, f"the parameters of a wider network, four tensors, after step {t}")
    _expect_meta_gradient(answer, params, history)
    _expect_stack(answer, params, history)
    return "one set of weights, and a memory for every coordinate: the rule fits a network of any size."


def _name_the_walk(answer: Answer) -> None:
    """Two steps of a parameter with three numbers."""
    try:
        first, second = (path["w"] for path in _run(answer, _THREE, [_FIRST, _SECOND]))
    except Mistake as mistake:
        if _PART not in mistake.message:
            raise
        raise Mistake("weights_per_coordinate", f"{_OWN_WEIGHTS} What happened: {mistake.message}.", "raised") from None
    right, then = (path["w"] for path in _reference(_THREE, [_FIRST, _SECOND]))
    start = _THREE["w"]
    told = f"From w = {show(start)}, the first steps should lead to {show(right)}; yours to {show(first)}"
    if near(first, 2 * start - right):
        raise Mistake("subtracts_step", f"{told}: the other way. What the cell returns is the step itself: add it.")
    from_zeros = _reference(_THREE, [_FIRST], _PHI | {"start": torch.zeros_like(_PHI["start"])})[0]["w"]
    if near(first, from_zeros):
        raise Mistake(
            "ignores_start",
            f"{told}, as if every hidden state began at zeros. It begins at `phi['start']`, which is learned, too.",
        )
    if near(first, right - start):
        raise Mistake("returns_the_step", f"{told}: that is the way to go, not where it leads. Add it to `params`.")
    if not near(first, right):
        _name_the_first_step(answer, told)
    expect_close(first, right, "w after the first step")
    again = right + _reference(_THREE, [_SECOND])[0]["w"] - start
    if near(second, again):
        raise Mistake(
            "forgets_state",
            f"The first step is right. The second should lead to {show(then)}; yours leads to {show(second)}, as if it "
            "were the first again: every hidden state began at `phi['start']`. `states` is what you returned after "
            "the step before: go on from there.",
        )
    if not near(second, then) and _talks(answer, [0, 1, 2], step=1):
        raise Mistake(
            "one_state_for_all",
            f"The first step is right. The second should lead to {show(then)}; yours leads to {show(second)}, and it "
            "changes when **another** coordinate had a different gradient in the first step. The coordinates share one "
            "hidden state: the memory of one runs into the steps of the others. Each keeps a state of its own.",
        )
    expect_close(second, then, "w after the second step")


def _name_the_first_step(answer: Answer, told: str) -> None:
    if _talks(answer, [1, 2], step=0):
        raise Mistake(
            "mixes_gradients",
            f"{told}. The step of one coordinate changes with the gradient of another, later one: the cell was handed "
            "several gradients at once, or their sum. It is made for a single one: run it for each coordinate by "
            "itself.",
        )
    if _talks(answer, [0], step=0):
        raise Mistake(
            "one_state_for_all",
            f"{told}. A coordinate's step changes with the gradient of the one before it: the hidden state that the "
            "cell returned was handed on from coordinate to coordinate. It belongs to the next **step** of the same "
            "coordinate; each coordinate keeps a state of its own.",
        )
    same = _run(answer, _THREE, [{"w": f64([0.5, 0.5, 0.5])}])[0]["w"] - _THREE["w"]
    if not near(same, same[:1].expand(3)):
        raise Mistake(
            "weights_per_coordinate",
            f"{told}. When all three gradients are 0.5, the three go by {show(same)}. {_OWN_WEIGHTS}",
        )


_OWN_WEIGHTS = (
    "Every coordinate has weights of its own, a row of `phi`. There happen to be three of both here; on "
    "a wider network the rows run out. The cell takes all of `phi`, the same for every coordinate: under `vmap`, "
    "that is an `in_dims` of `None`."
)


def _talks(answer: Answer, changed: list[int], step: int) -> bool:
    """Whether the gradient of a `changed` coordinate moves other ones: in the same step (0) or in the next (1).

    In the same step only coordinates before the changed one are looked at, unless it is the first.
    """
    history = [_FIRST, _SECOND][: step + 1]
    before = _run(answer, _THREE, history)[-1]["w"]
    for i in changed:
        other = _FIRST["w"].clone()
        other[i] += 1.0
        after = _run(answer, _THREE, [{"w": other}, *history[1:]])[-1]["w"]
        looked = [j for j in range(3) if (j < i if step == 0 and i else j != i)]
        if not near(after[looked], before[looked]):
            return True
    return False


def _expect_meta_gradient(answer: Answer, params: Params, history: list[Params]) -> None:
    """What reaches phi, the first parameters and the gradients from the parameters after three steps."""

    def slopes(run: Callable[..., list[Params]], *extra: Any) -> list[Any]:
        phi, start, first = (with_gradient(tree) for tree in (_PHI, params, history[0]))
        end = run(start, [first, *history[1:]], phi, *extra)[-1]
        loss = sum(p.square().sum() for p in end.values())
        return [gradients_at(loss, tree) for tree in (phi, start, first)]

    got, want = slopes(lambda *args: _run(answer, *args)), slopes(_reference)
    told = "The steps are right, but"
    for what, reached in zip(("phi", "params", "grads"), got, strict=True):
        if any(slope is None for slope in reached.values()) and what != "grads":
            raise Mistake(
                "cuts_gradient",
                f"{told} from the parameters after three steps no gradient arrives at `{what}`, and the rule cannot be "
                "meta-trained. Is there a `detach`, a `no_grad` or a copy on the way?",
            )
    missing = any(slope is None for slope in got[2].values())
    if missing or (not near(got[0], want[0]) and near(got[0], slopes(_reference, True)[0])):
        raise Mistake(
            "cuts_gradient",
            f"{told} what a coordinate remembers is cut off from where it came from: no gradient runs through the "
            "hidden states from step to step, or none through `grads`. Then the rule never learns what to remember. "
            "Detach nothing here.",
        )
    for what, reached, expected in zip(("phi", "params", "grads"), got, want, strict=True):
        expect_close(reached, expected, f"the gradient for `{what}` after three steps of a wider network")


def _expect_stack(answer: Answer, params: Params, history: list[Params]) -> None:
    """The same for a stack of tasks, with states that come out of `vmap` and go in again."""
    start, first, second = (
        {n: torch.stack([p, 2 * p, -p]) for n, p in tree.items()} for tree in (params, *history[:2])
    )

    def two_steps(function: Callable[..., Any]) -> Params:
        moved, states = vmap(lambda p, g: function(_cell, _PHI, p, g, None))(start, first)
        return vmap(lambda p, g, s: function(_cell, _PHI, p, g, s))(moved, second, states)[0]

    want = vmap(lambda p, g, h: _reference(p, [g, h])[-1])(start, first, second)
    expect_under_vmap(
        answer,
        two_steps,
        want,
        "a stack of three tasks, two steps each",
        "There no `if` can look at a tensor's values, and what comes out, the states as well, has to be tensors (in "
        "dicts, lists or tuples), without Python numbers.",
    )

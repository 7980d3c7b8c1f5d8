"""The check of exercise 8.3, coordinatewise."""

from collections.abc import Callable
from typing import Any

import torch
from torch.func import vmap

from metalearn_course.update_rules import Params

from ..at_random import Draw, at_random
from ..kit import (
    Answer,
    Asked,
    Case,
    Check,
    differentiable,
    equals,
    expect_kind,
    expect_under_vmap,
    fails,
    looks,
    near,
    rivals,
    same,
)
from .shared import PART, PHI, cell, f64, random_f64, squares, watchful


def coordinatewise(
    cell: Callable[..., Any], phi: Params, params: Params, grads: Params, states: Params | None
) -> tuple[Params, Params]:
    states = states or {name: phi["start"].expand(p.numel(), -1) for name, p in params.items()}
    moved = {name: vmap(cell, (None, 0, 0))(phi, grads[name].flatten(), states[name]) for name in params}
    new = {name: p + moved[name][0].reshape(p.shape) for name, p in params.items()}
    return new, {name: h for name, (_, h) in moved.items()}


def walk(function: Answer, phi: Params, params: Params, grads: Params, later: list[Params], by: Any = cell) -> Params:
    """Where a step with `grads` leads, and one with each of the `later` gradients."""
    states = None
    for slopes in (grads, *later):
        got = function(by, phi, params, slopes, states)
        pair = isinstance(got, tuple) and len(got) == 2
        expect_kind(got, (params, got[1] if pair else params), f"the result of `{function.name}`")
        params, states = got
    return params


def unlike(got: Params, params: Params) -> dict[str, Any] | None:
    """The steps of three coordinates that had the same gradient, where they differ."""
    by = got["w"] - params["w"]
    return None if near(by, by[:1].expand(3)) else {"by": by}


def runs_for_a_stack(asked: Asked) -> None:
    """Two steps of three tasks, with states that come out of `vmap` and go in again."""
    start, first, second = ({n: torch.stack([p, 2 * p, -p]) for n, p in tree.items()} for tree in NETWORK[:3])

    def two_steps(function: Callable[..., Any]) -> Params:
        moved, states = vmap(lambda p, g: function(cell, PHI, p, g, None))(start, first)
        return vmap(lambda p, g, s: function(cell, PHI, p, g, s))(moved, second, states)[0]

    what, advice = "a stack of three tasks, two steps each", asked.filled("{vmap}", {})
    expect_under_vmap(asked.answer, two_steps, two_steps(coordinatewise), what, advice)


def any_network(draw: Draw) -> Case:
    """Another cell, and tensors of other shapes."""
    phi = draw.tree({name: tuple(w.shape) for name, w in PHI.items()}, dtype=FIRST.dtype)
    params, grads, *later = (draw.tree({"a": (2, 2), "b": ()}, dtype=FIRST.dtype) for _ in range(4))
    return Case(walk, phi=phi, params=params, grads=grads, later=later, by=watchful)


FIRST, SECOND = f64([0.5, -1.0, 2.0]), f64([1.0, 0.3, -0.7])
ONE = Case(walk, phi=PHI, params={"w": f64([1.0, 2.0, 3.0])}, grads={"w": FIRST}, later=[])
TWO, ANEW, ALIKE = ONE.but(later=[{"w": SECOND}]), ONE.but(grads={"w": SECOND}), ONE.but(grads={"w": f64([0.5] * 3)})
FROM_ZEROS = ONE.but(phi=PHI | {"start": torch.zeros(3, dtype=torch.float64)})
OTHERS = [{"grads": {"w": FIRST + f64([j == i for j in range(3)])}} for i in range(3)]  # for coordinate i
SHAPES = {"0.weight": (2, 3), "0.bias": (3,), "2.weight": (1, 3), "scale": ()}
NETWORK = [{n: random_f64(*s, seed=10 * t + i) for i, (n, s) in enumerate(SHAPES.items())} for t in range(4)]
WIDE = [Case(walk, phi=PHI, params=NETWORK[0], grads=NETWORK[1], later=NETWORK[2:t]) for t in (2, 3, 4)]


def part(which: Any) -> Callable[[Any], Any]:
    return lambda got: got["w"][which]


CHECK = Check(
    coordinatewise,
    fails(TWO, "weights_per_coordinate/a_row", match=PART),
    rivals(
        ONE,
        {
            "subtracts_step": lambda params, want: {"w": 2 * params["w"] - want["w"]},
            "ignores_start": lambda: FROM_ZEROS.run(Answer(coordinatewise)),
            "returns_the_step": lambda params, want: {"w": want["w"] - params["w"]},
        },
    ),
    *(same(ONE, ONE.but(**OTHERS[i]), "mixes_gradients", of=part(slice(i))) for i in (1, 2)),
    same(ONE, ONE.but(**OTHERS[0]), "one_state_for_all/handed_on", of=part(slice(1, None))),
    looks(ALIKE, "weights_per_coordinate", unlike),
    equals(ONE, "the first step, "),
    rivals(TWO, {"forgets_state": lambda: TWO.run(Answer(lambda *a: coordinatewise(*a[:4], None)))}),  # type: ignore[call-arg]
    *(same(TWO, TWO.but(**OTHERS[i]), "one_state_for_all", of=part(torch.arange(3) != i)) for i in range(3)),
    equals(TWO, "the second step, "),
    *(equals(case, f"step {t} of a wider network with four tensors, ") for t, case in enumerate(WIDE, 1)),
    differentiable(WIDE[0], "phi", "params", "grads", of=squares),
    differentiable(WIDE[2], "phi", "params", "grads", of=squares, purpose="{remembers}"),
    runs_for_a_stack,
    at_random(any_network, what="three steps by another cell, "),
)

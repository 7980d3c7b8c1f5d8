"""The check of exercise 6.3, meta_step."""

from typing import Any

import torch
from torch import Tensor, tensor

from metalearn_course import update_rules
from metalearn_course.tasks.task import Examples
from metalearn_course.update_rules import SGD, Momentum, Params, UpdateRule

from ..at_random import Draw, at_random
from ..kit import Answer, Case, Check, Rule, equals, fails, looks, near
from .shared import BENT, BENT_BATCHES, Watched, bent, f64, squares


def meta_step(
    loss: Any, rule: UpdateRule, params: Params, batches: Any, query: Any, meta_optimizer: torch.optim.Optimizer
) -> Tensor:
    meta_loss = loss(update_rules.unroll(loss, rule, params, batches).params, query)
    meta_optimizer.zero_grad()
    meta_loss.backward()
    meta_optimizer.step()
    return meta_loss.detach()


def stepped(function: Answer, batches: list[Tensor], query: Tensor, meta_rate: float, meta_steps: int) -> Any:
    """Meta-steps for one star, the rate of SGD, and a learner with one weight: w = 0, loss (w - target)²."""
    star = f64(0.25).requires_grad_()
    rule, optimizer = Watched(SGD(star)), torch.optim.SGD([star], lr=meta_rate)
    for _ in range(meta_steps):
        meta_loss = function(squares, rule, {"w": f64(0.0)}, batches, query, optimizer, like=f64(0.0))
    return {"star": star.detach(), "loss": meta_loss.detach(), "asks_the_rule": bool(rule.losses)}


def two_stars(function: Answer, start: Params = BENT, sets: Any = BENT_BATCHES, rate: float = 0.01) -> Any:
    """Two stars in one rule, a meta-optimizer with a memory, tensors in float32."""
    stars = [tensor(0.1).requires_grad_(), tensor(0.5).requires_grad_()]
    rule, optimizer = Momentum(*stars), torch.optim.Adam(stars, lr=rate)
    start = {name: p.float() for name, p in start.items()}
    *batches, query = (Examples(batch.x.float(), batch.y.float()) for batch in sets)
    losses = [function(bent, rule, start, batches, query, optimizer, like=tensor(0.0)) for _ in range(3)]
    return {"stars": stars, "meta-losses": losses}


def any_training(draw: Draw) -> Case:
    sets = [Examples(draw.normal(n, 2), draw.normal(n)) for n in (2, 3, 1, 4)]
    return Case(two_stars, start=draw.tree({"w": (2,), "b": ()}), sets=sets, rate=draw.number(0.02, 0.05))


def seen(on: Case, key: str, **wrong: float) -> Rule:
    """The meta-loss, the star or both are these wrong numbers."""
    return looks(on, key, lambda got: all(near(got[name], value) for name, value in wrong.items()))


ONE = Case(stepped, batches=[f64(1.0)], query=f64(3.0), meta_rate=0.01, meta_steps=1)
STILL, TWICE = ONE.but(meta_rate=0.0), ONE.but(meta_steps=2)
# w is 0.5, then 1.75; the meta-loss 6.25 has the gradient -5 * 6 at the rate.
BOTH = ONE.but(batches=[f64(1.0), f64(3.0)], query=f64(4.25))

CHECK = Check(
    meta_step,
    fails(ONE, "updates_squares", "changes_inputs", match="`params"),
    fails(ONE, "gradient_lost", match="does not require grad"),
    seen(ONE, "loss_on_support", loss=0.25),
    seen(ONE, "loss_before_training", loss=9.0),
    seen(ONE, "trains_on_query/as_well", loss=1.5625),
    seen(ONE, "trains_on_query", loss=2.25),
    looks(ONE, "star_never_moves", lambda got: near(got["star"], 0.25, rtol=1e-9, atol=1e-9)),
    looks(STILL, "ignores_meta_optimizer", lambda got: not near(got["star"], 0.25)),
    seen(ONE, "climbs", star=0.15),
    looks(ONE, "ignores_rule", lambda got: not got["asks_the_rule"]),
    seen(ONE, "loss_after_the_move", star=0.35, loss=5.29),
    equals(ONE, "One inner step from w = 0 toward 1 at rate 0.25, judged at 3, meta-optimizer SGD at 0.01: "),
    seen(TWICE, "gradients_pile_up", star=0.542),
    equals(TWICE, "The same twice: "),
    seen(BOTH, "first_batch_only", loss=3.75**2),
    seen(BOTH, "gradient_is_constant", loss=6.25, star=0.6),
    seen(BOTH, "gradients_pile_up/inner", loss=6.25, star=0.65),
    equals(BOTH, "Two inner steps from w = 0, toward 1 and toward 3, judged at 4.25, meta-optimizer SGD at 0.01: "),
    equals(Case(two_stars), "A small network, rate 0.1 and momentum 0.5 as stars, three meta-steps of Adam at 0.01: "),
    at_random(any_training, what="A small network, three meta-steps of Adam at {rate}: ", rtol=1e-3),
)

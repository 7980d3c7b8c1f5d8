"""The check of exercise 6.3, meta_step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, tensor

from metalearn_course import update_rules
from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show
from metalearn_course.classroom.checks.lesson_06.shared import BENT, BENT_BATCHES, Watched, bent, f64, squares
from metalearn_course.tasks.task import Examples
from metalearn_course.update_rules import SGD, Momentum, Params, UpdateRule


@exercise(
    lesson="06",
    number=3,
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
        self.star = f64(0.25).requires_grad_()
        self.rule = Watched(SGD(self.star))
        self.optimizer = torch.optim.SGD([self.star], lr=meta_rate)

    def step(self, answer: Answer, batches: list[float], query: float) -> tuple[float, float]:
        """The meta-loss that was returned, and where the star is now."""
        targets = [f64(target) for target in batches]
        got = _meta_loss(answer, squares, self.rule, {"w": f64(0.0)}, targets, f64(query), self.optimizer)
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
        start = {name: p.float() for name, p in BENT.items()}
        *batches, query = (Examples(batch.x.float(), batch.y.float()) for batch in BENT_BATCHES)
        losses = [step(bent, rule, start, batches, query, optimizer) for _ in range(3)]
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

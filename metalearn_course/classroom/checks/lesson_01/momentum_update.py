"""The check of exercise 1.4, momentum_update."""

from __future__ import annotations

from torch import tensor, zeros

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show


@exercise(
    lesson="01",
    number=4,
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

"""The check of exercise 1.2, sgd_update."""

from __future__ import annotations

from torch import tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show


@exercise(
    lesson="01",
    number=2,
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

"""The check of exercise 2.2, expected_risk."""

from __future__ import annotations

from torch import tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show


@exercise(
    lesson="02",
    number=2,
    title="the expected risk",
    minutes=8,
    difficulty=1,
    mistakes=("pools_points", "sums_tasks"),
    hints=(
        "Formula 1 draws a *dataset* from p(D). How many datasets are in the list, and how many draws is each of them?",
        "Two averages, one inside the other: first over the points of a task, then over the tasks.",
        "`task_losses.mean()` is one task's risk; `torch.stack` them and take the mean once more.",
    ),
)
def expected_risk(answer: Answer) -> str:
    losses = [tensor([8.0]), tensor([1.0, 2.0, 3.0])]
    got = answer(losses, like=tensor(0.0))
    if near(got, 3.5):
        raise Mistake(
            "pools_points",
            "Two tasks with mean losses 8 and 2 gave 3.5, the mean over all four points. So the task with three points "
            "counts three times. One dataset is one sample: each task counts once, and the answer is 5.",
        )
    if near(got, 10.0):
        raise Mistake(
            "sums_tasks",
            "Two tasks with mean losses 8 and 2 gave 10, their sum. An expectation over tasks does not grow with the "
            "number of tasks you happened to draw: divide by it.",
        )
    expect_close(got, 5.0, f"the expected risk of tasks with losses {show(losses[0])} and {show(losses[1])}")
    expect_close(
        answer([tensor([4.0, 6.0])], like=tensor(0.0)), 5.0, "the expected risk of one task with losses [4, 6]"
    )
    big = [tensor([2.0] * 100), tensor([4.0] * 5), tensor([0.0, 0.0])]
    expect_close(answer(big, like=tensor(0.0)), 2.0, "three tasks of 100, 5 and 2 points with mean losses 2, 4 and 0")
    return "each task counts once, however many points it has."

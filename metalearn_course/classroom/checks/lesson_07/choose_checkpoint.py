"""The check of exercise 7.5, choose_checkpoint."""

from __future__ import annotations

from torch import tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show


@exercise(
    lesson="07",
    number=5,
    title="repair the choice",
    minutes=3,
    difficulty=1,
    mistakes=("chooses_by_test", "lets_test_vote", "reports_validation", "reports_best_test", "takes_the_last"),
    hints=(
        "Of a hundred equally good checkpoints, one has the luckiest test. Whose accuracy is that number?",
        "Two steps that share nothing: the validation column says which checkpoint; then, once, look up that row of "
        "the test column.",
        "`best = int(validation.argmax())`, and `return best, float(test[best])`.",
    ),
)
def choose_checkpoint(answer: Answer) -> str:
    validation, test = tensor([0.70, 0.82, 0.60, 0.80, 0.75]), tensor([0.66, 0.70, 0.80, 0.78, 0.72])
    best, accuracy = answer(validation, test, like=(0, 0.0))
    other = answer(validation, test[tensor([4, 3, 0, 1, 2])], like=(0, 0.0))[0]
    told = f"With validation accuracies {show(validation)} and test accuracies {show(test)}, you keep checkpoint {best}"
    if best == 2:
        raise Mistake(
            "chooses_by_test",
            f"{told}, the one with the best test accuracy. Then the test set took part in the training: its number is "
            "the luckiest of five, and no longer says how the model does on new classes. Choose by validation.",
        )
    if other != best:
        raise Mistake(
            "lets_test_vote",
            f"{told}, and {other} when other checkpoints have these test accuracies: the test set has a say in the "
            "choice. However small, it makes the test number too good. Choose by validation alone.",
        )
    if best == len(test) - 1:
        raise Mistake(
            "takes_the_last",
            f"{told}, the last one, whatever the validation accuracies are. That is honest, but they say that "
            "checkpoint 1 was better: choose the best by validation.",
        )
    if best != 1:
        raise Mistake("wrong_value", f"{told}; checkpoint 1 has the best validation accuracy, 0.82.")
    if near(accuracy, 0.82):
        raise Mistake(
            "reports_validation",
            f"{told} and report {show(accuracy)}, its validation accuracy. It was chosen for that number, so the "
            "number is too good. What nobody chose by is the test accuracy of the same checkpoint.",
        )
    if near(accuracy, 0.80):
        raise Mistake(
            "reports_best_test",
            f"{told} and report {show(accuracy)}, the best test accuracy of all: checkpoint 2 has it, which you do not "
            "keep. Report the test accuracy of the one that you keep.",
        )
    expect_close(accuracy, 0.70, "the test accuracy of checkpoint 1")
    two = answer(tensor([0.9, 0.8]), tensor([0.5, 0.6]), like=(0, 0.0))
    expect_close(two, (0, 0.5), "the choice between validation 0.9, test 0.5 and validation 0.8, test 0.6")
    _expect_honest_tie(answer)
    return "validation chooses, and the test is read once."


def _expect_honest_tie(answer: Answer) -> None:
    """Any of the best may be kept, and the test accuracies have no say in which."""
    validation, test = tensor([0.5, 0.75, 0.75, 0.25]), tensor([0.9, 0.6, 0.7, 0.8])
    (best, accuracy), (other, _) = (answer(validation, row, like=(0, 0.0)) for row in (test, test[[0, 2, 1, 3]]))
    told = f"Checkpoints 1 and 2 share the best validation accuracy, {show(validation)}, and you keep checkpoint {best}"
    if other != best:
        raise Mistake(
            "lets_test_vote",
            f"{told}. When their test accuracies change places, you keep {other}: between equals the test set decides, "
            "and its number comes out too good again. Keep the first of them, or the last, without a look at the test.",
        )
    if best not in (1, 2):
        raise Mistake("wrong_value", f"{told}; keep either of the two.")
    expect_close(accuracy, test[best].item(), f"the test accuracy of checkpoint {best}")

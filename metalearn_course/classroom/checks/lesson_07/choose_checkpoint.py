"""The check of exercise 7.5, choose_checkpoint."""

from torch import Tensor, tensor

from ..at_random import at_random
from ..kit import Case, Check, equals, looks, near, rival, same


def choose_checkpoint(validation: Tensor, test: Tensor) -> tuple[int, float]:
    best = int(validation.argmax())
    return best, test[best].item()


def kept(got: tuple[int, float]) -> int:
    return got[0]


def beyond_its_test(got: tuple[int, float]) -> float:
    return got[1] - TIE.inputs["test"][got[0]].item()


FIVE = Case(validation=tensor([0.70, 0.82, 0.60, 0.80, 0.75]), test=tensor([0.66, 0.70, 0.80, 0.78, 0.72]))
MOVED = FIVE.but(test=FIVE.inputs["test"][[4, 3, 0, 1, 2]])
TIE = Case(validation=tensor([0.5, 0.75, 0.75, 0.25]), test=tensor([0.9, 0.6, 0.7, 0.8]))
TIE_MOVED = TIE.but(test=TIE.inputs["test"][[0, 2, 1, 3]])

CHECK = Check(
    choose_checkpoint,
    rival(FIVE, "chooses_by_test", lambda test: (int(test.argmax()), 0.0), of=kept, also=(MOVED,)),
    same(FIVE, MOVED, "lets_test_vote", of=kept),
    rival(FIVE, "takes_the_last", lambda test: (len(test) - 1, 0.0), of=kept, also=(TIE,)),
    equals(FIVE, "the checkpoint to keep, with validation accuracies {validation} and test accuracies {test}", of=kept),
    looks(FIVE, "reports_validation", lambda got: near(got[1], 0.82)),
    looks(FIVE, "reports_best_test", lambda got: near(got[1], 0.80)),
    equals(FIVE, "the test accuracy of checkpoint 1", of=lambda got: got[1]),
    equals(
        Case(validation=tensor([0.9, 0.8]), test=tensor([0.5, 0.6])),
        "the choice between validation 0.9, test 0.5 and validation 0.8, test 0.6",
    ),
    same(TIE, TIE_MOVED, "lets_test_vote/tie", of=kept),
    equals(
        TIE, "whether one of the best is kept, with validation accuracies {validation}", of=lambda got: got[0] in (1, 2)
    ),
    equals(TIE, "the accuracy reported for one of two best checkpoints, less its test accuracy", of=beyond_its_test),
    at_random(lambda draw: Case(validation=(draw.order(7) + 1.0) / 8, test=(draw.order(7) + 1.5) / 9)),
)

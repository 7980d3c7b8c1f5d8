"""The check of exercise 3.3, episode_loss."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn, tensor

from metalearn_course.classroom.flow import gradient_at
from metalearn_course.classroom.randomness import seeded
from metalearn_course.meta_learners.base import MetaLearner
from metalearn_course.tasks.task import Examples, Task

from ..at_random import Draw, at_random
from ..kit import Answer, Case, Check, equals, looks, rival


def episode_loss(meta_learner: MetaLearner, draw: Callable[[Generator], Task], generator: Generator) -> Tensor:
    task = draw(generator)
    return F.cross_entropy(meta_learner.predict(meta_learner.adapt(task.support), task.query.x), task.query.y)


class ClassMeans(MetaLearner):
    """Numbers on a line: nearer to a class's mean is likelier, and label 2 likelier than label 0. phi is one number."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(tensor(1.0))

    def adapt(self, support: Examples) -> Tensor:
        members = F.one_hot(support.y, 3).float()
        return (self.scale * support.x) @ members / members.sum(0).clamp(min=1.0)

    def predict(self, adapted: Tensor, x: Tensor) -> Tensor:
        return tensor([0.0, 0.5, 1.0]) - (self.scale * x[:, None] - adapted).square()


def line(support: dict[float, int], query: dict[float, int], classes: list[int]) -> Task:
    s, q = (Examples(tensor(list(points)), tensor(list(points.values()))) for points in (support, query))
    return Task(s, q, tensor(classes))


TASKS = (
    line({0.0: 0, 2.0: 1, 4.0: 2, 1.0: 0, 2.5: 1, 3.0: 2}, {0.7: 0, 1.5: 1, 1.8: 2, 3.2: 2}, classes=[2, 0, 1]),
    line({5.0: 0, 1.0: 1, 9.0: 2, 6.0: 0, 2.0: 1, 8.0: 2}, {6.5: 0, 0.5: 1, 8.8: 2, 5.2: 0}, classes=[1, 2, 0]),
)


def run(function: Answer, tasks: Sequence[Task] = TASKS) -> tuple[Tensor, list[bool], Tensor]:
    """The loss, for every task that was drawn for it whether with the right generator, and the meta-learner's phi."""
    draws: list[bool] = []
    own = seeded(0)

    def draw(generator: Generator) -> Task:
        draws.append(generator is own)
        return tasks[(len(draws) - 1) % len(tasks)]

    meta_learner = ClassMeans()
    return function(meta_learner, draw, own, like=tensor(0.0)), draws, meta_learner.scale


def any_task(draw: Draw) -> Case:
    s, q = (Examples(2 * draw.normal(n), draw.labels(3, n)) for n in (draw.count(3, 7), draw.count(5, 8)))
    return Case(lambda function, tasks: run(function, tasks)[0], tasks=(Task(s, q, tensor([7, 3, 5])),))


def gradient(function: Answer) -> Tensor | None:
    loss, _, scale = run(function)
    return gradient_at(loss, scale)


def loss(learned: Examples, asked: Examples) -> Tensor:
    """What comes out when the meta-learner learns from these examples and is asked about those."""
    return F.cross_entropy(LEARNER.predict(LEARNER.adapt(learned), asked.x), asked.y)


LEARNER = ClassMeans()
SUPPORT, QUERY, CLASSES = TASKS[0]
ALL = Examples(torch.cat([SUPPORT.x, QUERY.x]), torch.cat([SUPPORT.y, QUERY.y]))
SUPPORT_IDS, QUERY_IDS = (Examples(x, CLASSES[y]) for x, y in (SUPPORT, QUERY))
LOGITS = LEARNER.predict(LEARNER.adapt(SUPPORT), QUERY.x)
LOSS = Case(lambda function: run(function)[0])
DRAWS = Case(lambda function: run(function)[1])
GRADIENT = Case(gradient)

CHECK = Check(
    episode_loss,
    looks(DRAWS, "draws_twice", lambda got: len(got) != 1 and {"times": len(got)}),
    looks(DRAWS, "ignores_generator/own", lambda got: not all(got)),
    rival(LOSS, "loss_on_support", loss(SUPPORT, SUPPORT), loss(SUPPORT, ALL)),
    rival(
        LOSS,
        "query_inside_adapt",
        *(loss(learned, asked) for learned in (QUERY, ALL) for asked in (QUERY, ALL, SUPPORT)),
    ),
    rival(LOSS, "global_labels", loss(SUPPORT, QUERY_IDS), loss(SUPPORT_IDS, QUERY_IDS), loss(SUPPORT_IDS, QUERY)),
    rival(LOSS, "summed_loss", lambda want: 4 * want),
    rival(LOSS, "softmax_before_loss", F.cross_entropy(LOGITS.softmax(-1), QUERY.y)),
    equals(LOSS, "the loss of a 3-way task with 2 shots and 4 queries (the mean cross-entropy)"),
    looks(GRADIENT, "cuts_gradient/none", lambda got: got is None),
    equals(GRADIENT, key="cuts_gradient"),
    at_random(any_task, what="the loss of a task with other numbers of examples"),
)

"""The check of exercise 3.3, episode_loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn, tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, near, show
from metalearn_course.classroom.randomness import seeded
from metalearn_course.meta_learners.base import MetaLearner
from metalearn_course.tasks.task import Examples, Task


@exercise(
    lesson="03",
    number=3,
    title="the four steps",
    minutes=7,
    difficulty=2,
    mistakes=(
        "loss_on_support",
        "query_inside_adapt",
        "global_labels",
        "draws_twice",
        "cuts_gradient",
        "summed_loss",
        "softmax_before_loss",
    ),
    hints=(
        "Formula 3 holds S and B. Which of the two does the model look at before it answers, and about which is it "
        "asked?",
        "One line a step: draw one task; `adapt` on its support set; `predict` the query inputs; compare with the "
        "query labels.",
        "`logits = meta_learner.predict(meta_learner.adapt(task.support), task.query.x)`, then "
        "`F.cross_entropy(logits, task.query.y)`.",
    ),
)
def episode_loss(answer: Answer) -> str:
    draws: list[Task] = []

    def draw(generator: Generator) -> Task:
        draws.append(_TASKS[len(draws) % 2])
        return draws[-1]

    meta_learner = _ClassMeans()
    got = answer(meta_learner, draw, seeded(0), like=tensor(0.0))
    if len(draws) != 1:
        raise Mistake(
            "draws_twice",
            f"`draw` was called {len(draws)} times. Every call is another task, with other classes behind its labels: "
            "support and query set of one loss belong to one draw.",
        )
    task = _TASKS[0]
    want = meta_learner.objective(task)
    _name_the_mistake(got, want, meta_learner, task)
    _name_the_reduction(got, want, meta_learner, task)
    expect_close(got, want, "the loss of a 3-way task with 2 shots and 4 queries (the mean cross-entropy)")
    reached = torch.autograd.grad(got, meta_learner.scale, allow_unused=True)[0] if got.requires_grad else None
    full = torch.autograd.grad(want, meta_learner.scale)[0]
    if reached is None or not near(reached, full):
        arrives = "no gradient" if reached is None else f"the gradient {reached:.3f}"
        raise Mistake(
            "cuts_gradient",
            f"The loss is right, but {arrives} arrives at the parameter of the meta-learner; expected {full:.3f}. "
            "Step 4 updates it through the whole computation, `adapt` included: no `detach` and no `no_grad` on the "
            "way.",
        )
    return "the support set is part of the input, the query set is what counts."


class _ClassMeans(MetaLearner):
    """Numbers on a line: nearer to a class's mean is likelier, and label 2 likelier than label 0. phi is one number."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(tensor(1.0))

    def adapt(self, support: Examples) -> Tensor:
        members = F.one_hot(support.y, 3).float()
        return (self.scale * support.x) @ members / members.sum(0).clamp(min=1.0)

    def predict(self, adapted: Tensor, x: Tensor) -> Tensor:
        return tensor([0.0, 0.5, 1.0]) - (self.scale * x[:, None] - adapted).square()


def _line(support: dict[float, int], query: dict[float, int], classes: list[int]) -> Task:
    s, q = (Examples(tensor(list(points)), tensor(list(points.values()))) for points in (support, query))
    return Task(s, q, tensor(classes))


_TASKS = (
    _line({0.0: 0, 2.0: 1, 4.0: 2, 1.0: 0, 2.5: 1, 3.0: 2}, {0.7: 0, 1.5: 1, 1.8: 2, 3.2: 2}, classes=[2, 0, 1]),
    _line({5.0: 0, 1.0: 1, 9.0: 2, 6.0: 0, 2.0: 1, 8.0: 2}, {6.5: 0, 0.5: 1, 8.8: 2, 5.2: 0}, classes=[1, 2, 0]),
)


def _name_the_mistake(got: Tensor, want: Tensor, meta_learner: _ClassMeans, task: Task) -> None:
    support, query, classes = task
    both = Examples(torch.cat([support.x, query.x]), torch.cat([support.y, query.y]))
    support_ids, query_ids = (Examples(x, classes[y]) for x, y in (support, query))
    for name, seen, judged, says in (
        (
            "loss_on_support",
            [support],
            [support, both],
            "counts the answers about the support set, whose labels the model was just shown. It is asked about the "
            "query set.",
        ),
        (
            "query_inside_adapt",
            [query, both],
            [query, both, support],
            "comes out when `adapt` gets query examples, labels and all: the model has read the answers before the "
            "question.",
        ),
        (
            "global_labels",
            [support, support_ids],
            [query_ids, query],
            f"comes out with the global ids {classes.tolist()} for labels. The model answers 0, 1 or 2, the labels of "
            "this episode; which class is behind a label it cannot know and need not.",
        ),
    ):
        for learned in seen:
            for asked in judged:
                loss = F.cross_entropy(meta_learner.predict(meta_learner.adapt(learned), asked.x), asked.y)
                if near(got, loss) and not near(loss, want):
                    raise Mistake(name, f"The loss should be {show(want.item())}; your {show(got.item())} {says}")


def _name_the_reduction(got: Tensor, want: Tensor, meta_learner: _ClassMeans, task: Task) -> None:
    """The right answers about the right examples, and another number made of them."""
    queries = len(task.query.y)
    if near(got, queries * want):
        raise Mistake(
            "summed_loss",
            f"The loss should be {show(want.item())}; your {show(got.item())} is {queries} times that, the sum over "
            f"the {queries} queries. With more queries a step would grow, though the task is the same: take the mean.",
        )
    logits = meta_learner.predict(meta_learner.adapt(task.support), task.query.x)
    if near(got, F.cross_entropy(logits.softmax(-1), task.query.y)):
        raise Mistake(
            "softmax_before_loss",
            f"The loss should be {show(want.item())}; your {show(got.item())} comes out when the logits pass through a "
            "softmax first. `F.cross_entropy` takes the softmax itself, and a second one flattens every answer: give "
            "it what `predict` returns.",
        )

"""Checks for lesson 03, few-shot episodes."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn, tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, expect_close, expect_kind, near, show
from metalearn_course.classroom.randomness import expect_drawn, seeded
from metalearn_course.meta_learners.base import MetaLearner
from metalearn_course.tasks.task import Examples, Task


@exercise(
    lesson="03",
    title="split the classes",
    minutes=8,
    difficulty=2,
    mistakes=("splits_images", "rotates_first", "mixes_angles", "ignores_generator"),
    hints=(
        "A model is trained on your first part and tested on your second. Is there a character in the second whose "
        "strokes, upright or turned, it has seen?",
        "Two things happen, and their order matters: the classes are divided at random, and each part grows by the "
        "turned copies of its own classes.",
        "`order = torch.randperm(len(images), generator=generator)` decides who goes where; then, for either part, "
        "`torch.cat([part.rot90(k, (2, 3)) for k in range(4)])`.",
    ),
)
def split_classes(answer: Answer) -> str:
    images = _corners(classes=6, examples=3)
    parts = answer(images, 2, seeded(0))
    train, test = (
        _read_corners(part, name) for part, name in zip(_two(parts, answer.name), ("train", "test"), strict=True)
    )
    _expect_separate(train, test)
    for name, part, rows, classes in (("train", parts[0], train, 4), ("test", parts[1], test, 2)):
        _expect_one_angle(name, rows)
        upright = sorted({klass for row in rows for klass, _, _ in row})
        wanted = f"expected {4 * classes}: {classes} of the 6 classes, each at 0, 90, 180 and 270 degrees"
        if len(rows) != 4 * classes:
            raise Mistake("wrong_shape", f"{name} has {len(rows)} classes, made from {upright}; {wanted}.")
        once = {(row[0][0], row[0][2]) for row in rows}
        if len(once) < len(rows):
            raise Mistake(
                "wrong_value", f"{name} holds only {len(once)} different classes among its {len(rows)}; {wanted}."
            )
        expect_kind(part, images.new_zeros(4 * classes, *images.shape[1:]), name)
    expect_drawn(lambda generator: answer(_corners(classes=12, examples=2), 5, generator), answer.name)
    return "no character of the test part, upright or turned, was in training."


def _corners(classes: int, examples: int) -> Tensor:
    """Images that say what they are: one inked corner, of value 100 * (class + 1) + example."""
    images = torch.zeros(classes, examples, 3, 3)
    images[:, :, 0, 0] = 100.0 * torch.arange(1, classes + 1)[:, None] + torch.arange(examples)
    return images


def _two(parts: Any, name: str) -> Any:
    if not isinstance(parts, tuple | list) or len(parts) != 2:
        expect_kind(parts, (torch.zeros(1), torch.zeros(1)), f"the result of `{name}`")
    return parts


def _read_corners(part: Any, name: str) -> list[list[tuple[int, int, int]]]:
    """(class, example, angle) of every image of a part, a row a class."""
    expect_kind(part, torch.zeros(part.shape) if isinstance(part, Tensor) else torch.zeros(1), name)
    if part.ndim != 4 or part.shape[2:] != (3, 3) or 0 in part.shape:
        raise Mistake(
            "wrong_shape", f"{name} has shape {tuple(part.shape)}; expected (classes, examples, 3, 3), like images."
        )
    ink, corner = part.flatten(2).max(-1)
    angles = {0: 0, 2: 270, 6: 90, 8: 180}
    if not set(corner.flatten().tolist()) <= angles.keys() or (ink < 100).any():
        raise Mistake("wrong_value", f"{name} holds images that are none of those given, upright or turned.")
    return [
        [(int(v) // 100 - 1, int(v) % 100, angles[c]) for v, c in zip(*row, strict=True)]
        for row in zip(ink.tolist(), corner.tolist(), strict=True)
    ]


def _expect_separate(train: list[list[tuple[int, int, int]]], test: list[list[tuple[int, int, int]]]) -> None:
    here = {(klass, angle): example for row in train for klass, example, angle in row}
    there = {(klass, angle): example for row in test for klass, example, angle in row}
    for klass, angle in sorted(here.keys() & there.keys()):
        raise Mistake(
            "splits_images",
            f"Class {klass} is on both sides: its drawing {here[klass, angle]} in train, its drawing "
            f"{there[klass, angle]} in test. A model trained on it meets an old acquaintance in the test. Divide the "
            "classes, each with all its drawings.",
        )
    angle_in_train = {klass: angle for klass, angle in sorted(here, reverse=True)}
    for klass, angle in sorted(there):
        if klass in angle_in_train:
            raise Mistake(
                "rotates_first",
                f"Class {klass} turned by {angle_in_train[klass]} degrees is in train, turned by {angle} degrees in "
                "test: the same strokes on both sides. A character belongs to one side, with all four of its angles.",
            )


def _expect_one_angle(name: str, rows: list[list[tuple[int, int, int]]]) -> None:
    for place, row in enumerate(rows):
        found = sorted({(klass, angle) for klass, _, angle in row})
        if len(found) > 1:
            (one, turned), (other, again) = found[:2]
            raise Mistake(
                "mixes_angles",
                f"{name}[{place}] holds drawings of class {one} at {turned} degrees and of class {other} at {again}. "
                "A turned character counts as a class of its own: all its drawings turned by one angle, and none at "
                "another.",
            )


@exercise(
    lesson="03",
    title="draw an episode",
    minutes=10,
    difficulty=2,
    mistakes=(
        "classes_drawn_with_replacement",
        "labels_misaligned",
        "labels_follow_class_index",
        "examples_drawn_with_replacement",
        "query_repeats_support",
        "same_examples_always",
        "same_examples_for_every_class",
        "ignores_generator",
    ),
    hints=(
        "What could a model learn if class 7 were always label 7?",
        "You need two kinds of draws: once which classes, and then, anew inside each of them, which examples.",
        "`torch.randperm(n, generator=generator)[:ways]` gives different classes. The same line on the examples of a "
        "class gives `shots + queries` different ones; the first `shots` of them are its support.",
    ),
)
def draw_episode(answer: Answer) -> str:
    sizes = 4, 2, 3
    images = _numbered(classes=8, examples=6)
    like = _episode_like(images, *sizes)
    expect_drawn(lambda generator: answer(images, *sizes, generator, like=like), answer.name)
    generator = seeded(2)
    episodes = [_Episode(answer(images, *sizes, generator, like=like)) for _ in range(30)]
    for episode in episodes:
        episode.expect_classes(*sizes)
    _expect_labels_by_draw(episodes)
    for episode in episodes:
        episode.expect_ids()
    for episode in episodes:
        episode.expect_different_examples()
    for episode in episodes:
        episode.expect_new_queries()
    _expect_other_examples(episodes)
    _expect_examples_by_class(episodes)
    images = _numbered(classes=3, examples=4)
    last = _Episode(answer(images, 3, 1, 3, seeded(3), like=_episode_like(images, 3, 1, 3)))
    last.expect_classes(3, 1, 3)
    last.expect_different_examples()
    last.expect_new_queries()
    return "new classes, new labels and new examples in every episode."


def _numbered(classes: int, examples: int) -> Tensor:
    """Images that say what they are: every pixel is 100 * class + example."""
    values = 100.0 * torch.arange(classes)[:, None] + torch.arange(examples)
    return values[..., None, None].repeat(1, 1, 2, 2)


def _episode_like(images: Tensor, ways: int, shots: int, queries: int) -> Task:
    support, query = (
        Examples(images.new_zeros(ways * n, *images.shape[2:]), torch.zeros(ways * n, dtype=torch.int64))
        for n in (shots, queries)
    )
    return Task(support, query, torch.zeros(ways, dtype=torch.int64))


class _Episode:
    """An episode of numbered images, read back: (label, class, example) of every image."""

    def __init__(self, task: Task) -> None:
        self.support, self.query = (
            [(label, int(v) // 100, int(v) % 100) for label, v in zip(y.tolist(), x[:, 0, 0].tolist(), strict=True)]
            for x, y in (task.support, task.query)
        )
        self.ids = task.classes.tolist()
        self.label_of = {klass: label for label, klass, _ in self.support}

    def expect_classes(self, ways: int, shots: int, queries: int) -> None:
        """`ways` classes, each with its own label and as many examples as asked for."""
        together = self.support + self.query
        for label in sorted({label for label, _, _ in together}):
            owners = sorted({klass for one, klass, _ in together if one == label})
            if len(owners) > 1:
                raise Mistake(
                    "labels_misaligned",
                    f"In one episode label {label} stands at images of class {owners[0]} and of class {owners[1]}. "
                    "Are the images in order of their classes, and the labels too? A label belongs to one class, in "
                    "support and query.",
                )
        if len(self.label_of) < ways:
            counts = Counter(klass for klass, _ in {(klass, label) for label, klass, _ in self.support})
            klass = counts.most_common(1)[0][0]
            raise Mistake(
                "classes_drawn_with_replacement",
                f"A {ways}-way episode got {len(self.label_of)} different classes: class {klass} was drawn twice. Two "
                "labels for one class, and the right answer is a matter of luck: draw classes without replacement.",
            )
        for name, examples, count in (("support", self.support, shots), ("query", self.query, queries)):
            found = Counter(klass for _, klass, _ in examples)
            for klass in self.label_of:
                if found[klass] != count:
                    text = (
                        f"Class {klass} has {found[klass]} {name} examples; expected {count}, as many of every class."
                    )
                    raise Mistake("wrong_value", text)

    def expect_ids(self) -> None:
        """`classes` holds the global id behind each label."""
        for klass, label in self.label_of.items():
            if label not in range(len(self.ids)) or self.ids[label] != klass:
                raise Mistake(
                    "wrong_value",
                    f"Images of class {klass} have label {label}, but `classes` is {self.ids}; "
                    f"expected labels 0 to {len(self.ids) - 1}, and {klass} in place {label} of `classes`.",
                )

    def expect_different_examples(self) -> None:
        for name, examples in (("support", self.support), ("query", self.query)):
            (_, klass, example), count = Counter(examples).most_common(1)[0]
            if count > 1:
                raise Mistake(
                    "examples_drawn_with_replacement",
                    f"Example {example} of class {klass} is in one {name} set {count} times. A second copy teaches "
                    "nothing and tests nothing: draw the examples of a class without replacement.",
                )

    def expect_new_queries(self) -> None:
        for _, klass, example in sorted(set(self.support) & set(self.query)):
            raise Mistake(
                "query_repeats_support",
                f"Example {example} of class {klass} is in the support set and in the query set of one episode. "
                "Remembering its pixels is then enough to answer: query examples have to be new ones.",
            )


def _expect_labels_by_draw(episodes: list[_Episode]) -> None:
    """No label can be told from the class's place in `images`, neither from the place itself nor from the order."""
    seen: dict[int, list[int]] = {}
    for episode in episodes:
        for klass, label in episode.label_of.items():
            seen.setdefault(klass, []).append(label)
    advice = "Label classes by the order in which you drew them."
    if all(len(set(labels)) == 1 for labels in seen.values()):
        klass = max(seen, key=lambda one: len(seen[one]))
        raise Mistake(
            "labels_follow_class_index",
            f"Class {klass} has label {seen[klass][0]} in every episode. A memory learner could then memorise which "
            f"class is which and never look at the support set. {advice}",
        )
    if all(list(e.label_of.values()) == sorted(e.label_of.values()) for e in map(_by_class, episodes)):
        raise Mistake(
            "labels_follow_class_index",
            f"In all of {len(episodes)} episodes the labels rise with the class index: class {min(seen)} always has "
            f"label 0. So a label tells something about its class, without any support set. {advice}",
        )


def _by_class(episode: _Episode) -> _Episode:
    episode.label_of = dict(sorted(episode.label_of.items()))
    return episode


def _expect_other_examples(episodes: list[_Episode]) -> None:
    shown: dict[int, set[int]] = {}
    for episode in episodes:
        for _, klass, example in episode.support:
            shown.setdefault(klass, set()).add(example)
    shots = len(episodes[0].support) // len(episodes[0].label_of)
    for klass, examples in sorted(shown.items()):
        if len(examples) == shots:
            raise Mistake(
                "same_examples_always",
                f"In {len(episodes)} episodes the support set of class {klass} was always made of its examples "
                f"{show(sorted(examples))}; it has 6. Draw the examples anew in every episode.",
            )


def _expect_examples_by_class(episodes: list[_Episode]) -> None:
    """In some episode the classes differ in which of their examples were drawn, as support and as queries."""
    for name in ("support", "query"):
        drawn = [_places(getattr(episode, name)) for episode in episodes]
        if all(len(set(places.values())) == 1 for places in drawn):
            places = drawn[0]
            (one, chosen), (other, _) = sorted(places.items())[:2]
            raise Mistake(
                "same_examples_for_every_class",
                f"In one episode the {name} examples were {show(list(chosen))} of class {one}, {show(list(chosen))} of "
                f"class {other} and of every other class; all of {len(episodes)} episodes are like this. Where example "
                "3 of every class was drawn by the same person, such an episode compares the same few hands "
                "throughout: draw the examples of each class anew.",
            )


def _places(examples: list[tuple[int, int, int]]) -> dict[int, tuple[int, ...]]:
    """Which examples of every class these are."""
    classes = {klass for _, klass, _ in examples}
    return {klass: tuple(sorted(place for _, one, place in examples if one == klass)) for klass in classes}


@exercise(
    lesson="03",
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


@exercise(
    lesson="03",
    title="an honest interval",
    minutes=10,
    difficulty=3,
    stretch=True,
    mistakes=("counts_queries", "no_sqrt_n", "one_standard_error", "averages_over_episodes"),
    hints=(
        "Ask each of 100 episodes a thousand queries instead of ten. How much more do you know about episodes that you "
        "never drew?",
        "Queries of one episode share its classes and its support set, so an episode is one sample: reduce each to its "
        "accuracy first. Then it is the standard error of a mean.",
        "`rates = correct.mean(1)`, and the half-width is `1.96 * rates.std() / len(rates) ** 0.5`.",
    ),
)
def confidence_interval(answer: Answer) -> str:
    like = tensor(0.0), tensor(0.0)
    halves = torch.ones(100, 10) * (torch.arange(100) % 2)[:, None]
    mean, half = answer(halves, like=like)
    what = "100 episodes of 10 queries, 50 of them all right and 50 all wrong"
    expect_close(mean, 0.5, f"the mean accuracy of {what}")
    alike = torch.ones(100, 10) * (torch.arange(10) % 2)
    of_alike = answer(alike, like=like)[1]
    if near(half, 0.0) and not near(of_alike, 0.0):
        raise Mistake(
            "averages_over_episodes",
            f"{what}: ± {show(half.item())}, as if nothing were left to chance; 100 episodes with the same 5 of 10 "
            f"right gave ± {show(of_alike.item())}, though they do not differ. Your rates are those of the 10 query "
            "places, averaged over episodes: average within each episode, over dimension 1.",
        )
    more_queries = answer(halves.repeat(1, 4), like=like)[1]
    if more_queries < 0.75 * half:
        raise Mistake(
            "counts_queries",
            f"{what}: ± {show(half.item())}. With 40 queries each, every episode still all right or all wrong: ± "
            f"{show(more_queries.item())}. But nothing new was learned about episodes: queries of one are not "
            "independent, and an interval that counts them is too narrow.",
        )
    more_episodes = answer(halves.repeat(4, 1), like=like)[1]
    if more_episodes > 0.75 * half and half > 0:
        raise Mistake(
            "no_sqrt_n",
            f"100 episodes gave ± {show(half.item())}, 400 episodes ± {show(more_episodes.item())}. That is how far "
            "episodes lie from each other; how well their mean is known improves with their number: four times as "
            "many, half the interval.",
        )
    right = 1.96 * halves.mean(1).std() / 10
    if near(1.96 * half, right, rtol=0.05):
        raise Mistake(
            "one_standard_error",
            f"± {show(half.item())} is one standard error, which holds the true mean in 68% of all evaluations; 95% "
            "need 1.96.",
        )
    expect_close(half, right, f"half the width of the 95% interval for {what} (to 12%)", rtol=0.12)
    mixed = torch.rand(60, 5, generator=seeded(0)).lt(torch.linspace(0.3, 1.0, 60)[:, None]).float()
    mean, half = answer(mixed, like=like)
    expect_close(mean, mixed.mean(), "the mean accuracy of 60 other episodes of 5 queries")
    expect_close(half, 1.96 * mixed.mean(1).std() / math.sqrt(60), "their half-width (to 12%)", rtol=0.12)
    return "an episode is one sample, however many queries it asks."

"""The check of exercise 3.2, draw_episode."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

from metalearn_course.classroom.checks import Answer, Mistake, exercise, show
from metalearn_course.classroom.randomness import expect_drawn, seeded
from metalearn_course.tasks.task import Examples, Task


@exercise(
    lesson="03",
    number=2,
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

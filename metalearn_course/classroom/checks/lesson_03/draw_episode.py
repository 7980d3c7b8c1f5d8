"""The check of exercise 3.2, draw_episode."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Generator, Tensor

from metalearn_course.classroom.randomness import seeded
from metalearn_course.tasks.task import Examples, Task

from ..at_random import Draw, at_random, looks_for
from ..kit import Answer, Case, Check, drawn, looks
from .shared import Image, copied, in_both_sets, numbered


def draw_episode(images: Tensor, ways: int, shots: int, queries: int, generator: Generator) -> Task:
    classes = torch.randperm(len(images), generator=generator)[:ways]
    order = torch.rand(ways, images.shape[1], generator=generator).argsort(1)[:, : shots + queries]
    x, y = images[classes[:, None], order], torch.arange(ways)[:, None].expand_as(order)
    support, query = (Examples(x[:, s].flatten(0, 1), y[:, s].flatten()) for s in (slice(shots), slice(shots, None)))
    return Task(support, query, classes)


def episodes(function: Answer, count: int, generator: Generator, **inputs: Any) -> list[Image]:
    """So many episodes from one generator, read back."""
    found = []
    for episode in range(count):
        task = function(*inputs.values(), generator, like=draw_episode(**inputs, generator=seeded(0)))
        for name, (x, y) in (("support", task.support), ("query", task.query)):
            for v, label in zip(x[:, 0, 0].int().tolist(), y.tolist(), strict=True):
                found.append(Image(episode, name, label, v // 100, v % 100, tuple(task.classes.tolist())))
    return found


def label_of_two(got: list[Image]) -> Any:
    pairs = pairwise(sorted({(i.episode, i.label, i.owner) for i in got}))
    return next(({"label": a[1], "one": a[2], "other": b[2]} for a, b in pairs if a[:2] == b[:2]), None)


def too_few_classes(got: list[Image], ways: int, shots: int) -> Any:
    images = Counter((i.episode, i.owner) for i in got if i.set == "support")
    classes = Counter(episode for episode, _ in images)
    few = ((classes[episode], k) for (episode, k), n in images.items() if classes[episode] < ways and n > shots)
    return next(({"found": found, "twice": twice} for found, twice in few), None)


def uneven(got: list[Image], shots: int, queries: int) -> Any:
    counts, right = Counter((i.set, i.episode, i.owner) for i in got), {"support": shots, "query": queries}
    odd = ((name, k, n) for (name, _, k), n in counts.items() if n != right[name])
    return next(({"set": name, "class": k, "found": n, "right": right[name]} for name, k, n in odd), None)


def one_label_each(got: list[Image]) -> Any:
    pairs = Counter((i.owner, i.label) for i in got)
    (owner, label), _ = pairs.most_common(1)[0]
    return len(pairs) == len({k for k, _ in pairs}) and {"class": owner, "label": label}


def rising(got: list[Image]) -> Any:
    pairs = pairwise(sorted({(i.episode, i.owner, i.label) for i in got}))
    return all(a[2] < b[2] for a, b in pairs if a[0] == b[0]) and {"class": min(i.owner for i in got)}


def misplaced(got: list[Image]) -> Any:
    return next((i._asdict() | {"ids": [*i.ids]} for i in got if i.ids[i.label : i.label + 1] != (i.owner,)), None)


def never_redrawn(got: list[Image], shots: int) -> Any:
    shown = sorted({(i.owner, i.example) for i in got if i.set == "support"})
    drawn = {k: [example for owner, example in shown if owner == k] for k, _ in shown}
    return next(({"class": k, "examples": examples} for k, examples in drawn.items() if len(examples) == shots), None)


def alike(got: list[Image], ways: int) -> Any:
    one, other = sorted({i.owner for i in got if i.episode == 0})[:2]
    for name in ("support", "query"):
        times = Counter((i.episode, i.example) for i in got if i.set == name)
        if {*times.values()} == {ways}:
            return {"set": name, "one": one, "other": other, "examples": sorted(x for e, x in times if e == 0)}
    return None


IN_AN_EPISODE: dict[str, Callable[..., Any]] = {
    "labels_misaligned": label_of_two,
    "classes_drawn_with_replacement": too_few_classes,
    "wrong_value/uneven": uneven,
    "examples_drawn_with_replacement": copied,
    "query_repeats_support": in_both_sets,
}
THIRTY = Case(episodes, images=numbered(8, 6), ways=4, shots=2, queries=3, generator=seeded(2), count=30)


def all_drawn(draw: Draw) -> Case:
    """Every example of every class. No size is one that the written case has."""
    sizes = {"ways": draw.count(5, 7), "shots": draw.count(3, 4), "queries": draw.count(6, 7)}
    images = numbered(sizes["ways"], sizes["shots"] + sizes["queries"])
    return THIRTY.but(images=images, **sizes, generator=draw.generator, count=1)


CHECK = Check(
    draw_episode,
    drawn(THIRTY.but(count=1)),
    *(looks(THIRTY, key, test) for key, test in IN_AN_EPISODE.items()),
    looks(THIRTY, "labels_follow_class_index", one_label_each),
    looks(THIRTY, "labels_follow_class_index/rising", rising),
    looks(THIRTY, "wrong_value/misplaced", misplaced),
    looks(THIRTY, "same_examples_always", never_redrawn),
    looks(THIRTY, "same_examples_for_every_class", alike),
    at_random(all_drawn, *(looks_for(key, test) for key, test in IN_AN_EPISODE.items())),
)

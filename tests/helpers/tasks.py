"""Small tasks, the same in every test that asks for them."""

from __future__ import annotations

from typing import Any

import torch

from metalearn_course import Characters, Examples, Sinusoids, Task
from metalearn_course.tasks.point_clouds import PointClouds
from metalearn_course.tasks.task import one_task


def clusters(tasks: int = 3, **options: Any) -> Task:
    """3-way clusters of 4-dimensional points."""
    return PointClouds(**options).sample(tasks, torch.Generator().manual_seed(1))


def waves(tasks: int = 3, **options: Any) -> Task:
    """Sinusoids, 5 shots and 6 queries."""
    return Sinusoids(**{"shots": 5, "queries": 6, **options}).sample(tasks, torch.Generator().manual_seed(1))


def one(**options: Any) -> Task:
    """One task of clusters, not stacked."""
    return one_task(clusters(1, **options), 0)


def doubled(stack: Task) -> Task:
    """The same tasks in float64."""
    support, query = (Examples(e.x.double(), e.y.double() if e.y.is_floating_point() else e.y) for e in stack[:2])
    return Task(support, query, stack.classes)


def clusters64(tasks: int = 3, **options: Any) -> Task:
    return doubled(clusters(tasks, **options))


def waves64(tasks: int = 3, **options: Any) -> Task:
    return doubled(waves(tasks, **options))


def strokes(classes: int = 8, examples: int = 4) -> Characters:
    """Characters of a few thick strokes: their mean is far below a half."""
    generator = torch.Generator().manual_seed(0)
    images = torch.zeros(classes, examples, 28, 28, dtype=torch.uint8)
    for c in range(classes):
        places = torch.randint(28, (3,), generator=generator)
        images[c, :, places] = 255
    splits = {"train": torch.arange(classes)}
    return Characters(images, ["a"] * classes, [str(c) for c in range(classes)], splits, "strokes")

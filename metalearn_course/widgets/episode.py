"""Lesson 03: episode after episode, and one image that changes its label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import traitlets
from torch import Tensor

from ..figures import Picture, episode_card
from ..figures.episodes import class_name
from ..tasks import Characters, Episodes, Task
from ..tasks.task import one_task
from .touchable import Labeled, data_uri, script

_DRAWN_AT_ONCE = 64
_DRAWS = 200


class EpisodeCard(Labeled):
    """An episode with the support set left of a bar and the query set right of it; "draw again" draws another.

    One support image is followed: it is part of every episode shown, each time under another label. Beneath, formula
    3: each of its red terms lights the part of the card that it speaks of. `characters` give the classes' names. Gray
    images of `Characters` are ink, drawn dark; all others are drawn as they are.
    """

    _esm = script("episode.js")

    card = traitlets.Dict().tag(sync=True)

    def __init__(self, distribution: Episodes, seed: int = 0, characters: Characters | None = None) -> None:
        self._distribution = distribution
        self._generator = torch.Generator().manual_seed(seed)
        data = characters or distribution.characters
        self._names, self._ink = data.names, isinstance(data, Characters)
        self._labels: list[int] = []
        task = one_task(distribution.sample(1, self._generator), 0)
        self._image, self._class = task.support.x[0], int(task.classes[task.support.y[0]])
        super().__init__()
        self._show(task)
        self.on_msg(self._asked)

    def picture(self) -> Picture:
        """The episode that the card shows."""
        return episode_card(self._task, names=self._names, ink=self._ink)

    def draw_again(self) -> None:
        """Another episode of those that hold the followed image's class, under another label than last time."""
        for _ in range(_DRAWS):
            tasks = self._distribution.sample(_DRAWN_AT_ONCE, self._generator)
            found = tasks.classes == self._class
            found[:, self._labels[-1]] = False
            if found.any():
                task = one_task(tasks, int(found.any(1).nonzero()[0]))
                self._show(with_image(task, self._image, self._class))
                return
        raise RuntimeError(
            f"Class {self._class} came up in none of {_DRAWS * _DRAWN_AT_ONCE:,} episodes; expected it again. "
            "Follow an image of a split with fewer classes."
        )

    def _show(self, task: Task) -> None:
        self._task = task
        self._labels.append(task.classes.tolist().index(self._class))
        self.card = card_of(task, self._image, self._names, self._ink) | {"labels": self._labels[-8:]}

    def _asked(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        if content["type"] == "draw again":
            self.draw_again()


def with_image(task: Task, image: Tensor, class_id: int) -> Task:
    """The episode with `image` as the first support example of its class; if it is a query, the two change places."""
    label = task.classes.tolist().index(class_id)
    support, query = task.support.x.clone(), task.query.x.clone()
    if not _same(support, image).any():
        slot = int((task.support.y == label).nonzero()[0])
        query[_same(query, image)] = support[slot]
        support[slot] = image
    return Task(task.support._replace(x=support), task.query._replace(x=query), task.classes)


def card_of(task: Task, followed: Tensor, names: Sequence[str], ink: bool = True) -> dict[str, Any]:
    """What the browser draws: a row of support images a label, the queries in their order, and who is followed."""
    called = [class_name(c, names) for c in task.classes.tolist()]
    support = list(zip(task.support.x, task.support.y.tolist(), strict=True))
    return {
        "rows": [
            {
                "name": name,
                "images": [
                    {"src": data_uri(x, ink), "followed": bool(_same(x[None], followed))}
                    for x, y in support
                    if y == label
                ],
            }
            for label, name in enumerate(called)
        ],
        "queries": [
            {"src": data_uri(x, ink), "label": y} for x, y in zip(task.query.x, task.query.y.tolist(), strict=True)
        ],
    }


def _same(images: Tensor, image: Tensor) -> Tensor:
    return (images == image).flatten(1).all(1)

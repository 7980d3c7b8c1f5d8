"""Few-shot episodes: small tasks drawn from many classes, so that training imitates the test."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from .._common.arguments import whole
from .image_classes import ImageClasses, advised_splits
from .task import Examples, Task


class Classes(Protocol):
    """What episodes are drawn from: examples sorted by class. `Characters` and `ImageClasses` are such.

    `names` says what each class is called; `splits` holds the ids of
    each split's classes; `source` and `split` say in words where the examples are from and how classes were split;
    `features`, where there are any, are given in place of images.
    """

    names: list[str]
    splits: dict[str, Tensor]
    source: str
    split: str
    features: Tensor | None

    @property
    def kinds(self) -> list[str]:
        """The larger kind, such as an alphabet, that each class belongs to."""
        ...

    @property
    def counts(self) -> Tensor:
        """How many examples each class has, int64 (classes,)."""
        ...

    def inputs(self, places: Tensor) -> Tensor:
        """Inputs at places of any shape, counted through all classes in their order."""
        ...


@dataclass(frozen=True)
class Episodes:
    """K-shot N-way tasks: `shots` labeled examples of each of `ways` classes, and `queries` more to be judged on.

    In every episode the classes are drawn anew and labeled 0 ... ways-1 in the order in which they were drawn, so
    that a label says nothing about a class; `Task.classes` keeps their global ids. Classes and examples are drawn
    without replacement.

    Args:
        characters: the images, or features, and their splits: `Characters`, or `ImageClasses`, whose classes may be
            of unequal size.
        ways: classes in an episode, 2 or more.
        shots: support examples of each class.
        queries: query examples of each class.
        split: of the characters, from which classes are drawn.
        within_alphabet: whether all classes of an episode come from one alphabet: harder, since they look alike.

    Raises:
        ValueError: for a number that is no whole one in range, a split of another name, or more classes or examples
            than there are.
    """

    characters: Classes
    ways: int
    shots: int
    queries: int
    split: str = "train"
    within_alphabet: bool = False

    def __post_init__(self) -> None:
        splits = self.characters.splits
        if self.split not in splits:
            raise ValueError(f"split={self.split!r} is unknown; expected one of {', '.join(map(repr, splits))}.")
        for name, least in (("ways", 2), ("shots", 1), ("queries", 1)):
            object.__setattr__(self, name, whole(name, getattr(self, name), least))
        have = len(splits[self.split])
        if self.ways > have:
            classes, other = len(self.characters.names), ""
            if isinstance(self.characters, ImageClasses):
                other = f", or split the {classes} classes otherwise: {advised_splits(classes, self.ways)}"
            raise ValueError(
                f"{self.ways}-way episodes need {self.ways} classes; the {self.split!r} split has {have}. "
                f"Lower ways{other}."
            )
        self._check_counts(splits[self.split])
        if self.within_alphabet and not self._alphabets():
            raise ValueError(
                f"{self.ways}-way episodes within an alphabet need {self.ways} classes of one; no alphabet of the "
                f"{self.split!r} split has so many. Lower ways, or set within_alphabet=False."
            )

    def _check_counts(self, ids: Tensor) -> None:
        counts, needed = self.characters.counts[ids], self.shots + self.queries
        if needed <= counts.min():
            return
        have = f"there are {counts.min()}"
        if counts.min() < counts.max():
            small = [f"{self.characters.names[i]!r} has {self.characters.counts[i]}" for i in ids[counts < needed]]
            have = ", ".join(small[:5]) + (f", and {len(small) - 5} more have too few" if len(small) > 5 else "")
        raise ValueError(
            f"{self.shots} shots and {self.queries} queries need {needed} examples of a class; {have}. Lower shots or "
            "queries."
        )

    @property
    def protocol(self) -> str:
        """Ways, shots, queries, the data, whether they are embedded, and the split."""
        data = (
            f"{self.characters.source} ({self.characters.split})" if self.characters.split else self.characters.source
        )
        features = self.characters.features
        data += "" if features is None else f", embedded as {features.shape[-1]} features"
        within = ", within an alphabet" if self.within_alphabet else ""
        queries = f"{self.queries} {'query' if self.queries == 1 else 'queries'} a class"
        return f"{self.ways}-way {self.shots}-shot, {queries}, {data}, {self.split} split{within}"

    def sample(self, tasks: int, generator: Generator) -> Task:
        """A stack of `tasks` episodes: x (tasks, ways * n, 1, 28, 28), 0 paper and 1 ink, and y (tasks, ways * n).

        Images of other data have their own channels and size. Where the images are embedded, x holds features instead:
        (tasks, ways * n, d).
        """
        classes = self._draw_classes(tasks, generator)
        drawn = self.shots + self.queries
        most = int(self.characters.counts[self.characters.splits[self.split]].max())
        rank = torch.rand(tasks, self.ways, most, generator=generator)
        missing = torch.arange(most) >= self.characters.counts[classes][..., None]
        order = rank.masked_fill_(missing, 2.0).argsort(-1)[..., :drawn]  # above every rank drawn
        labels = torch.arange(self.ways)[None, :, None].expand(tasks, self.ways, drawn)
        support, query = (
            self._examples(classes, order[..., part], labels[..., part], generator)
            for part in (slice(None, self.shots), slice(self.shots, None))
        )
        return Task(support, query, classes)

    def _draw_classes(self, tasks: int, generator: Generator) -> Tensor:
        ids = self.characters.splits[self.split]
        rank = torch.rand(tasks, len(ids), generator=generator)
        if self.within_alphabet:
            members = torch.stack(list(self._alphabets().values()))
            rank[~members[torch.randint(len(members), (tasks,), generator=generator)]] = 2.0  # above every rank drawn
        return ids[rank.topk(self.ways, largest=False).indices]

    def _alphabets(self) -> dict[str, Tensor]:
        """Which classes of the split belong to each alphabet that has enough of them."""
        ids, kinds = self.characters.splits[self.split].tolist(), self.characters.kinds
        places: dict[str, list[int]] = {}
        for place, i in enumerate(ids):
            places.setdefault(kinds[i], []).append(place)
        members = {}
        for name, where in places.items():
            if len(where) >= self.ways:
                members[name] = torch.zeros(len(ids), dtype=torch.bool)
                members[name][where] = True
        return members

    def _examples(self, classes: Tensor, chosen: Tensor, labels: Tensor, generator: Generator) -> Examples:
        """The chosen examples (tasks, ways, n) as one shuffled set a task."""
        tasks = len(classes)
        first = self.characters.counts.cumsum(0) - self.characters.counts
        flat = (first[classes][..., None] + chosen).flatten(1)
        shuffled = torch.rand(flat.shape, generator=generator).argsort(-1)
        return Examples(self.characters.inputs(flat.gather(1, shuffled)), labels.reshape(tasks, -1).gather(1, shuffled))

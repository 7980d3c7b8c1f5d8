"""Training runs as tasks: the same real examples each time, in another order, for another start."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Generator, Tensor

from .._common.arguments import whole
from .task import Examples, Task, as_examples

SPLITS = ("train", "test")
TABLES = ("iris", "wine", "breast_cancer")


@dataclass(frozen=True, eq=False)
class MiniBatches:
    """The problem of training a network on `pool`: support is all of it in a fresh random order, to be cut in batches.

    The query set is drawn from the same examples: an optimizer is judged on the objective that it minimizes
    (Andrychowicz et al., 2016, arXiv:1606.04474, section 3.2). Labels keep their meaning from task to task.

    Args:
        pool: x (n, ...), y (n,) with labels 0 ... ways-1, each of them present; numpy arrays are converted. x of
            float64, as scikit-learn has it, becomes torch's default dtype, which weights have; y becomes int64.
        name: of the data, for the protocol.
        queries: how many examples of the pool are drawn, without replacement, as query set.
        size: how many examples of the pool make the support set, such as a multiple of a batch; one of each class is
            always among them. All by default.

    Raises:
        TypeError: for a pool that is no `Examples` of tensors or arrays.
        ValueError: for a pool with other labels, and for more queries or a larger size than it has examples.
    """

    pool: Examples = field(repr=False)
    name: str
    queries: int = 128
    size: int | None = None

    def __post_init__(self) -> None:
        x, y = as_examples(self.pool, "pool")
        x = x.to(torch.get_default_dtype()) if x.dtype == torch.float64 else x
        y = y.long() if y.dtype in (torch.int8, torch.int16, torch.int32) else y
        object.__setattr__(self, "pool", Examples(x, y))
        if y.dtype != torch.int64 or y.ndim != 1 or len(x) != len(y) or len(y) == 0:
            raise ValueError(
                f"pool: x has shape {tuple(x.shape)} and y is {y.dtype} of shape {tuple(y.shape)}; expected (n, ...) "
                f"and int64 labels (n,), n at least 1. Convert them."
            )
        if y.min() < 0 or not torch.equal(y.unique(), torch.arange(self.ways)):
            raise ValueError(f"pool: labels are {y.unique().tolist()}; expected 0 ... ways-1 without a gap. Renumber.")
        needs = [("queries", self.queries, 1)] + ([] if self.size is None else [("size", self.size, self.ways)])
        for what, given, least in needs:
            value = whole(what, given)
            if not least <= value <= len(y):
                raise ValueError(
                    f"{what}={value!r}; {self.name} has {len(y)} examples of {self.ways} classes: expected a whole "
                    f"number from {least} to {len(y)}. Change {what}."
                )
            object.__setattr__(self, what, value)

    @property
    def ways(self) -> int:
        """How many classes the pool has."""
        return int(self.pool.y.max()) + 1

    @property
    def protocol(self) -> str:
        """The data, and how many examples of it are support and query."""
        have = len(self.pool.y)
        support = f"all {have}" if self.size is None else f"{self.size} of {have}"
        return f"{self.name}, {support} examples in random order, {self.queries} of the {have} as queries"

    def sample(self, tasks: int, generator: Generator) -> Task:
        """A stack of `tasks` training problems: support (tasks, n, ...), query (tasks, queries, ...).

        classes (tasks, ways) are 0 ... ways-1. n is the number of examples in the pool, or `size`.
        """
        rank = torch.rand(tasks, len(self.pool.y), generator=generator)
        order = rank.argsort(1) if self.size is None else self._some(rank, self.size, generator)
        query = torch.rand(rank.shape, generator=generator).topk(self.queries, dim=1).indices
        support, judged = (Examples(self.pool.x[places], self.pool.y[places]) for places in (order, query))
        return Task(support, judged, torch.arange(self.ways).repeat(tasks, 1))

    def _some(self, rank: Tensor, size: int, generator: Generator) -> Tensor:
        """The places of the `size` lowest ranks (tasks, size), shuffled; the first of each class goes before them."""
        sure = rank.clone()
        for label in range(self.ways):
            first = rank.masked_fill(self.pool.y != label, 2.0).argmin(1, keepdim=True)
            sure.scatter_(1, first, -1.0)
        places = sure.topk(size, dim=1, largest=False).indices
        return places.gather(1, torch.rand(places.shape, generator=generator).argsort(1))


def digits(
    components: int | None = 16, split: str = "train", queries: int = 128, size: int | None = None
) -> MiniBatches:
    """scikit-learn's 1,797 handwritten digits of 8 x 8 pixels, half of them in each split; ten classes.

    Args:
        components: how many principal components of the train split's pixels to take, 1 to 64. They are divided by one
            number, so that their variances there have mean 1. None for the 64 pixels themselves, from 0, paper, to 1,
            ink.
        split: "train" or "test".
        queries: as in `MiniBatches`.
        size: as in `MiniBatches`.

    Returns:
        `MiniBatches` with x (n, components) or (n, 64).

    Raises:
        ValueError: for a number out of range, and for a split of another name.
    """
    from sklearn.datasets import load_digits

    components = None if components is None else whole("components", components)
    if components is not None and components > 64:
        raise ValueError(f"components={components!r}; expected 1 to 64, or None for the 64 pixels. Change components.")
    data = load_digits()
    train, chosen = _halves(data.target, split)
    x = torch.from_numpy(data.data) / 16
    if components is not None:
        x = _principal_components(x, x[train], components)
    inputs = "64 pixels" if components is None else f"{components} principal component{'s' if components > 1 else ''}"
    pool = Examples(x[chosen].float(), torch.from_numpy(data.target)[chosen].long())
    return MiniBatches(pool, f"digits ({inputs}, {split} split)", queries, size)


def table(name: str, split: str = "train", queries: int = 64, size: int | None = None) -> MiniBatches:
    """One of scikit-learn's small tables, half of its rows in each split.

    Args:
        name: "iris" (150 rows, 4 columns, 3 classes), "wine" (178, 13, 3) or "breast_cancer" (569, 30, 2).
        split: "train" or "test".
        queries: as in `MiniBatches`.
        size: as in `MiniBatches`.

    Returns:
        `MiniBatches` with x (n, columns), every column with mean 0 and variance 1 on the train split.

    Raises:
        ValueError: for another name or split, and for a number out of range.
    """
    from sklearn import datasets

    if name not in TABLES:
        raise ValueError(f"name={name!r} is no table of this course; choose one of {', '.join(map(repr, TABLES))}.")
    data = getattr(datasets, f"load_{name}")()
    train, chosen = _halves(data.target, split)
    x = torch.from_numpy(data.data).double()
    x = (x - x[train].mean(0)) / x[train].std(0, correction=0)
    pool = Examples(x[chosen].float(), torch.from_numpy(data.target)[chosen].long())
    return MiniBatches(pool, f"{name} ({split} split)", queries, size)


def _halves(labels: np.ndarray, split: str) -> tuple[Tensor, Tensor]:
    """Places of the train half and of the half named `split`: the same on every machine, each class cut in two."""
    if split not in SPLITS:
        raise ValueError(f"split={split!r} is unknown; choose one of {', '.join(map(repr, SPLITS))}.")
    order = np.random.RandomState(0).permutation(len(labels))
    by_class = order[labels[order].argsort(kind="stable")]
    halves = [torch.from_numpy(np.sort(by_class[first::2])) for first in range(2)]
    return halves[0], halves[SPLITS.index(split)]


def _principal_components(x: Tensor, train: Tensor, components: int) -> Tensor:
    """The first principal components of `train` (m, d), for x (n, d): (n, components), all divided by one number."""
    mean = train.mean(0)
    variances, directions = torch.linalg.eigh((train - mean).T.cov(correction=0))
    directions = directions.flip(1)[:, :components]
    largest = directions.gather(0, directions.abs().argmax(0, keepdim=True))
    return (x - mean) @ (directions * largest.sign()) / variances.flip(0)[:components].mean().sqrt()

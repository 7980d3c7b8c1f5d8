"""Lake et al.'s own test of one-shot classification: twenty runs, which people took as well."""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch
from torch import Generator, Tensor

from .._common.arguments import whole
from .omniglot import SIZE, shrink
from .task import Examples, Task, one_task, stack_tasks

RUNS = Path(__file__).parent / "lake_runs.zip"  # the authors' all_runs.zip as it is
COUNT, WAYS = 20, 20  # runs, and characters in each
PEOPLE, PROGRAM = 0.045, 0.033  # error rates, Lake et al. (2015)


class LakeRuns:
    """Twenty fixed tasks, each 20-way 1-shot with one query a class, within one alphabet; see `lake_runs`.

    `sample` deals them in an order that the generator decides, each at most once a stack.
    """

    def __init__(self, runs: Task) -> None:
        self.runs = runs

    @property
    def protocol(self) -> str:
        """The runs, and the pixels of a side where they are not as many as the shipped networks take."""
        size = self.runs.support.x.shape[-1]
        said = f"Lake et al.'s {len(self)} runs, {WAYS}-way 1-shot, 1 query a class, each within an alphabet"
        return said if size == SIZE else f"{said}, {size} pixels"

    def __len__(self) -> int:
        return len(self.runs.classes)

    def sample(self, tasks: int, generator: Generator) -> Task:
        """A stack of `tasks` different runs: support x (tasks, 20, 1, size, size) in [0, 1], query likewise.

        Args:
            tasks: how many, at most 20.
            generator: decides which, and in which order.

        Raises:
            ValueError: for more runs than there are.
        """
        if whole("tasks", tasks) > len(self):
            raise ValueError(f"{tasks} tasks are asked for; there are {len(self)} runs. Take episodes={len(self)}.")
        chosen = torch.randperm(len(self), generator=generator)[:tasks]
        return stack_tasks([one_task(self.runs, run) for run in chosen.tolist()])


def lake_runs(size: int = SIZE) -> LakeRuns:
    """The test that Lake, Salakhutdinov and Tenenbaum gave to people and to their program; it ships with the course.

    Lake et al. (2015), Science 350, 1332-1338. Twenty runs, two from each of ten alphabets of Omniglot's evaluation
    part. In each, 20 characters are shown once, drawn by one person, and 20 drawings by another person are to be
    recognized. People err on 4.5 % of the drawings, the authors' program on 3.3 %. The alphabets are among those of
    `characters().splits["test"]`, so that no shipped network has met them.

    With `evaluate` and `compare` take `episodes=20`: each run counts once.

    Args:
        size: pixels of a side, 8 to 105: 28, as the shipped networks take them, or 105, as they were drawn. Resized by
            LANCZOS.

    Returns:
        A distribution of tasks, whose labels 0 to 19 count the support images.

    Raises:
        ValueError: for a size out of range.
        FileNotFoundError: if the file of the runs is not in the package.
    """
    if not 8 <= whole("size", size) <= 105:
        raise ValueError(f"size={size}; expected a whole number from 8 to 105. Change size.")
    if not RUNS.exists():
        raise FileNotFoundError(f"{RUNS.name} is missing from the package. Install metalearn-course anew.")
    with zipfile.ZipFile(RUNS) as file:
        return LakeRuns(stack_tasks([_run(file, number, size) for number in range(1, COUNT + 1)]))


def _run(file: zipfile.ZipFile, number: int, size: int) -> Task:
    folder = f"run{number:02}"
    lines = file.read(f"{folder}/class_labels.txt").decode("ascii").split()
    asked, shown = lines[::2], lines[1::2]  # a line has a test image, and the training image of its class
    support = sorted(shown)

    def images(names: list[str]) -> Tensor:
        return torch.stack([torch.from_numpy(shrink(file.read(n), n, size)) for n in names])[:, None].float() / 255

    labels = torch.tensor([support.index(name) for name in shown])
    first = (number - 1) * WAYS
    return Task(
        Examples(images(support), torch.arange(WAYS)),
        Examples(images(asked), labels),
        torch.arange(first, first + WAYS),
    )


__all__ = ["PEOPLE", "PROGRAM", "LakeRuns", "lake_runs"]

"""A wider prototypical network, trained for the test that people took: how, and its weights, which ship."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from ..learners import conv4
from ..meta_learners import Prototypical
from ..tasks import Characters
from ..tasks.characters import as_input
from ..tasks.task import Examples, Task, stack_tasks
from .archives import filled, read_archive, write_archive

WIDE_VERSION = 1
WIDE = Path(__file__).parent / "weights" / "people" / "wide.npz"
WIDTH, STEPS, RATE = 64, 3500, 2e-3
_ADVICE = "Get the course's own files again, or make them: python tools/people.py"


class TurnedAlphabets:
    """Episodes of up to 40 ways, 1 shot and 2 queries, of Omniglot's 30 background alphabets.

    Seven episodes of ten have all their classes from one alphabet, and as many as the alphabet has. In every episode
    all drawings are turned by the same 0, 90, 180 or 270 degrees, and each is jittered by an affine map of its own.
    The alphabets of the test split, among which are those of `lake_runs`, are never drawn.

    Args:
        characters: Omniglot, split by alphabets.
    """

    ways, within = 40, 0.7

    def __init__(self, characters: Characters) -> None:
        self.characters = characters
        ids = torch.cat([characters.splits["train"], characters.splits["validation"]])
        by_name: dict[str, list[int]] = {}
        for i in ids.tolist():
            by_name.setdefault(characters.alphabets[i], []).append(i)
        self.everything, self.groups = ids, [torch.tensor(group) for group in by_name.values()]

    @property
    def protocol(self) -> str:
        """Ways, shots, queries, the alphabets and what is done to the drawings."""
        return (
            f"up to {self.ways}-way 1-shot, 2 queries a class, {self.characters.source}, the {len(self.groups)} "
            f"alphabets of the train and validation splits, {self.within:.0%} of the episodes within an alphabet, "
            f"classes turned by quarter turns, drawings jittered by affine maps"
        )

    def sample(self, tasks: int, generator: Generator) -> Task:
        """A stack of episodes of one alphabet, or all of every alphabet, so that they are of equal size.

        Args:
            tasks: how many.
            generator: decides everything.

        Returns:
            The stack: support x (tasks, ways, 1, 28, 28), query x (tasks, 2 * ways, 1, 28, 28).
        """
        group = self.everything
        if torch.rand((), generator=generator) < self.within:
            group = self.groups[int(torch.randint(len(self.groups), (), generator=generator))]
        return stack_tasks([self._episode(group, generator) for _ in range(tasks)])

    def _episode(self, group: Tensor, generator: Generator) -> Task:
        classes = group[torch.randperm(len(group), generator=generator)[: self.ways]]
        examples = torch.rand(len(classes), self.characters.images.shape[1], generator=generator).argsort(1)[:, :3]
        turns = int(torch.randint(4, (), generator=generator))
        drawn = self.characters.images[classes[:, None], examples].transpose(0, 1).flatten(0, 1)
        x = jittered(as_input(drawn).rot90(turns, (2, 3)), generator)
        labels = torch.arange(len(classes))
        support, query = x.split([len(classes), 2 * len(classes)])
        return Task(Examples(support, labels), Examples(query, labels.repeat(2)), classes)


def jittered(images: Tensor, generator: Generator) -> Tensor:
    """Every image under an affine map of its own: turned up to 10 degrees, scaled by 15 %, sheared and moved a little.

    images: (n, 1, h, w) of ink 1 on paper 0. Returns the same shape; what comes in from outside is paper.
    """
    drawn = (torch.rand(6, len(images), generator=generator) - 0.5) * torch.tensor(
        [0.35, 0.3, 0.3, 0.4, 0.25, 0.25]
    ).unsqueeze(1)
    angle, wider, higher, shear, right, down = drawn
    cosine, sine = angle.cos(), angle.sin()
    rows = [(1 + wider) * cosine, shear - sine, right, sine, (1 + higher) * cosine, down]
    maps = torch.stack(rows, 1).unflatten(1, (2, 3))
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


class Shifted(nn.Module):
    """An encoder that reads nine copies of every image, shifted by up to one pixel, and averages what it makes of them.

    Args:
        encoder: images (n, 1, h, w) -> (n, d).
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Tensor) -> Tensor:
        """The mean of the nine embeddings: (n, 1, h, w) -> (n, d)."""
        height, width = x.shape[-2:]
        padded = F.pad(x, (1, 1, 1, 1))
        copies = [padded[..., i : i + height, j : j + width] for i in range(3) for j in range(3)]
        return self.encoder(torch.cat(copies)).unflatten(0, (9, len(x))).mean(0)


class Scaled(nn.Module):
    """Features times a fixed factor, so that squared distances are divided by the root of how many there are."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.factor = width**-0.25

    def forward(self, x: Tensor) -> Tensor:
        """The features times the factor."""
        return x * self.factor


def untrained_wide() -> Prototypical:
    """The network before training: conv4 of width 64 with running norms, under prototypes."""
    return Prototypical(nn.Sequential(conv4(None, WIDTH, norm="running"), Scaled(WIDTH)))


def pretrained_wide(shifted: bool = False, path: Path = WIDE) -> Prototypical:
    """A prototypical network of width 64, trained on episodes of up to 40 ways, mostly within an alphabet.

    It was trained on Omniglot's 30 background alphabets, so that neither `lake_runs` nor the test split were met. Its
    `about` says how it was trained, and how it did on `lake_runs` when it was made.

    Args:
        shifted: whether it reads nine shifted copies of every image: nine times the work, fewer errors.
        path: of the weights; the course's own by default.

    Returns:
        The network, in eval mode.

    Raises:
        FileNotFoundError: if there are no weights.
        ValueError: for a file that is damaged, of another version, or of another network.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"No weights at {path}. {_ADVICE}")
    archive = read_archive(path, WIDE_VERSION, _ADVICE)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = untrained_wide()
    misfit = f"The weights in {path.name} do not fit the wide network. {_ADVICE}"
    network = filled(network, "wide network", archive, misfit)
    if shifted:
        network.encoder = Shifted(network.encoder)
    return network.eval()


def save_wide(path: Path, network: Prototypical, about: dict[str, Any]) -> None:
    """Write the network's state in float16, and remarks about it as JSON, into one npz file.

    Args:
        path: the file.
        network: what was trained.
        about: how it was trained, and how well it does.
    """
    write_archive(path, WIDE_VERSION, network.state_dict(), about)


__all__ = ["Shifted", "TurnedAlphabets", "pretrained_wide", "save_wide", "untrained_wide"]

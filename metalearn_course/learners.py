"""The models M that work on one task. Each is an ordinary `nn.Module`; meta-learners call it as f(params, x)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


def linear(inputs: int, outputs: int) -> nn.Module:
    """x of shape (n, ...) with `inputs` numbers an example -> (n, outputs)."""
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, outputs))


def mlp(*sizes: int, activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Module:
    """Fully connected layers with an activation between them: `mlp(1, 40, 40, 1)` maps (n, 1) to (n, 1)."""
    if len(sizes) < 2:
        raise ValueError(f"mlp{sizes} has no layer; give at least an input and an output size, as in mlp(1, 40, 1).")
    layers: list[nn.Module] = [nn.Flatten()] if sizes[0] != 1 else []
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        layers += [activation()] if i else []
        layers += [nn.Linear(inputs, outputs)]
    return nn.Sequential(*layers)


def conv4(outputs: int | None, width: int = 64, norm: str = "group") -> nn.Module:
    """Four blocks of convolution, norm, ReLU and 2x2 max pooling (Vinyals et al., 2016, section 4.1).

    x: (n, 1, 28, 28). Returns (n, outputs), or the embedding (n, width) where `outputs` is None.

    The norm decides what a prediction can depend on, so it is never implicit:
    "group"    one image at a time; the only one without leaks while training;
    "batch"    statistics of the batch, always: an answer depends on the other images in it;
    "running"  statistics of the batch in training, running averages in eval mode; refused inside vmap.
    """
    blocks: list[nn.Module] = []
    for inputs in (1, width, width, width):
        blocks += [nn.Conv2d(inputs, width, 3, padding=1), _norm(norm, width), nn.ReLU(), nn.MaxPool2d(2)]
    head = [] if outputs is None else [nn.Linear(width, outputs)]
    return nn.Sequential(Images(), *blocks, nn.Flatten(), *head)


def conv_strided(outputs: int | None, widths: Sequence[int] = (32, 32, 64), norm: str = "group") -> nn.Module:
    """Blocks of 3x3 convolution with stride 2, norm and ReLU, then one linear layer: several times faster than conv4.

    x: (n, 1, 28, 28). Returns (n, outputs), or the last feature maps (n, widths[-1], h, w) where `outputs` is None.
    The norm is as in `conv4`.
    """
    blocks: list[nn.Module] = []
    size = 28
    for inputs, width in pairwise((1, *widths)):
        blocks += [nn.Conv2d(inputs, width, 3, stride=2, padding=1), _norm(norm, width), nn.ReLU()]
        size = (size + 1) // 2
    head = [] if outputs is None else [nn.Flatten(), nn.Linear(widths[-1] * size**2, outputs)]
    return nn.Sequential(Images(), *blocks, *head).to(memory_format=torch.channels_last)  # twice as fast on a CPU


def _norm(norm: str, width: int) -> nn.Module:
    norms: dict[str, Callable[[], nn.Module]] = {
        "group": lambda: nn.GroupNorm(max(1, width // 8), width),
        "batch": lambda: nn.BatchNorm2d(width, track_running_stats=False),
        "running": lambda: nn.BatchNorm2d(width),
    }
    if norm not in norms:
        raise ValueError(f"norm={norm!r} is unknown; choose one of {', '.join(map(repr, norms))}.")
    return norms[norm]()


class Images(nn.Module):
    """Lets images of the one size pass that an encoder was made for."""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1:] != (1, 28, 28):
            raise ValueError(
                f"The encoder got images of shape {tuple(x.shape[1:])}; it was made for (1, 28, 28). Resize them."
            )
        return x


class Frozen(nn.Module):
    """A copy of a trained module that meta-training leaves as it is: no gradients, always in eval mode."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = copy.deepcopy(module).requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> Frozen:
        return super().train(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x)

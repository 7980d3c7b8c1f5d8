"""The models M that work on one task. Each is an ordinary `nn.Module`; meta-learners call it as f(params, x)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from torch import nn


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
    norms: dict[str, Callable[[], nn.Module]] = {
        "group": lambda: nn.GroupNorm(max(1, width // 8), width),
        "batch": lambda: nn.BatchNorm2d(width, track_running_stats=False),
        "running": lambda: nn.BatchNorm2d(width),
    }
    if norm not in norms:
        raise ValueError(f"norm={norm!r} is unknown; choose one of {', '.join(map(repr, norms))}.")
    blocks: list[nn.Module] = []
    for i in range(4):
        conv = nn.Conv2d(1 if i == 0 else width, width, 3, padding=1)
        blocks += [conv, norms[norm](), nn.ReLU(), nn.MaxPool2d(2)]
    head = [] if outputs is None else [nn.Linear(width, outputs)]
    return nn.Sequential(*blocks, nn.Flatten(), *head)

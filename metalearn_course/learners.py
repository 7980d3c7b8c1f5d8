"""The models M that work on one task. Each is an ordinary `nn.Module`; meta-learners call it as f(params, x)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._common.arguments import whole


def linear(inputs: int, outputs: int) -> nn.Module:
    """One linear layer.

    Args:
        inputs: how many numbers an example has.
        outputs: how many it is turned into.

    Returns:
        A module: x (n, ...) -> (n, outputs).

    Raises:
        ValueError: if a number is no whole one from 1.
    """
    return nn.Sequential(nn.Flatten(), nn.Linear(whole("inputs", inputs), whole("outputs", outputs)))


def mlp(*sizes: int, activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Module:
    """Fully connected layers with an activation between them: `mlp(1, 40, 40, 1)` maps (n, 1) to (n, 1).

    Args:
        sizes: of the inputs, of every hidden layer, and of the outputs.
        activation: makes what stands between two layers.

    Returns:
        A module: x (n, ...) with sizes[0] numbers an example -> (n, sizes[-1]).

    Raises:
        ValueError: for fewer than two sizes, and for one that is no whole number from 1.
    """
    if len(sizes) < 2:
        raise ValueError(f"mlp{sizes} has no layer; give at least an input and an output size, as in mlp(1, 40, 1).")
    sizes = tuple(whole(f"sizes[{i}]", size) for i, size in enumerate(sizes))
    layers: list[nn.Module] = [nn.Flatten()] if sizes[0] != 1 else []
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        layers += [activation()] if i else []
        layers += [nn.Linear(inputs, outputs)]
    return nn.Sequential(*layers)


def conv4(outputs: int | None, width: int = 64, norm: str = "group") -> nn.Module:
    """Four blocks of convolution, norm, ReLU and 2x2 max pooling (Vinyals et al., 2016, arXiv:1606.04080, section 4.1).

    The norm decides what a prediction can depend on, so it is never implicit:
    "group"    one image at a time; the only one without leaks while training;
    "batch"    statistics of the batch, always: an answer depends on the other images in it;
    "running"  statistics of the batch in training, running averages in eval mode; refused inside vmap.

    Pooling stands before the ReLU here: the same function, and the ReLU has a quarter of the work.

    Args:
        outputs: of a linear layer at the end; None for the embedding, without that layer.
        width: how many channels every block has.
        norm: one of the three above.

    Returns:
        A module: x (n, 1, 28, 28) -> (n, outputs), or the embedding (n, width).

    Raises:
        ValueError: if a number is no whole one from 1, or `norm` is unknown.
    """
    outputs, width = None if outputs is None else whole("outputs", outputs), whole("width", width)
    blocks: list[nn.Module] = []
    for inputs in (1, width, width, width):
        if inputs == 1 and norm == "batch":
            blocks += [FirstConvolution(width), nn.MaxPool2d(2), nn.ReLU()]
        else:
            blocks += [nn.Conv2d(inputs, width, 3, padding=1), _norm(norm, width), nn.MaxPool2d(2), nn.ReLU()]
    head = [] if outputs is None else [nn.Linear(width, outputs)]
    return _channels_last(nn.Sequential(Images(), *blocks, nn.Flatten(), *head))


def conv_strided(
    outputs: int | None,
    widths: Sequence[int] = (32, 32, 64),
    norm: str = "group",
    *,
    channels: int = 1,
    size: int = 28,
) -> nn.Module:
    """Blocks of 3x3 convolution with stride 2, norm and ReLU, then one linear layer: several times faster than conv4.

    Args:
        outputs: of the linear layer; None for the last feature maps, without that layer.
        widths: how many channels each block has.
        norm: as in `conv4`.
        channels: of the images, 1 for gray, 3 for color.
        size: of the images, which are square, in pixels.

    Returns:
        A module: x (n, channels, size, size) -> (n, outputs), or the feature maps (n, widths[-1], h, w).

    Raises:
        ValueError: if a number is no whole one from 1, or `norm` is unknown.
    """
    outputs = None if outputs is None else whole("outputs", outputs)
    widths = [whole(f"widths[{i}]", width) for i, width in enumerate(widths)]
    channels, size = whole("channels", channels), whole("size", size)
    blocks: list[nn.Module] = []
    left = size
    for inputs, width in pairwise((channels, *widths)):
        blocks += [nn.Conv2d(inputs, width, 3, stride=2, padding=1), _norm(norm, width), nn.ReLU()]
        left = (left + 1) // 2
    head = [] if outputs is None else [nn.Flatten(), nn.Linear(widths[-1] * left**2, outputs)]
    return _channels_last(nn.Sequential(Images(channels, size), *blocks, *head))


def _channels_last(network: Any) -> nn.Module:
    """A memory layout in which convolutions run up to twice as fast on a CPU."""
    return network.to(memory_format=torch.channels_last)


def _norm(norm: str, width: int) -> nn.Module:
    norms: dict[str, Callable[[], nn.Module]] = {
        "group": lambda: nn.GroupNorm(_groups(width), width),
        "batch": lambda: nn.BatchNorm2d(width, track_running_stats=False),
        "running": lambda: nn.BatchNorm2d(width),
    }
    if norm not in norms:
        raise ValueError(f"norm={norm!r} is unknown; choose one of {', '.join(map(repr, norms))}.")
    return norms[norm]()


def _groups(width: int) -> int:
    """How many groups of equal size `width` channels make, of 8 each or, where they do not go in eights, of more."""
    return next(groups for groups in range(max(1, width // 8), 0, -1) if width % groups == 0)


class FirstConvolution(nn.Module):
    """A 3x3 convolution of images with one channel, and the batch norm after it, in one pass.

    The output is linear in the 9 pixels p under a filter w. So its mean over the batch is w.E[p] and its variance
    w.Cov[p]w, known without running the convolution; and dividing the filters by them, instead of the output, saves
    several passes over the largest maps of the network. x: (n, 1, h, w). Returns (n, width, h, w).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        """The normalized maps: (n, 1, h, w) -> (n, width, h, w)."""
        patches = F.pad(x[:, 0], (1, 1, 1, 1)).unfold(1, 3, 1).unfold(2, 3, 1).reshape(-1, 9)  # (n * h * w, 9)
        filters = self.convolution.weight.flatten(1)
        mean = patches.mean(0)
        centered = patches - mean
        covariance = centered.T @ centered / len(patches)
        scale = self.norm.weight / (((filters @ covariance) * filters).sum(1) + self.norm.eps).sqrt()
        shift = self.norm.bias - scale * (filters @ mean)  # the convolution's own bias cancels against the mean
        scaled = (filters * scale[:, None]).view_as(self.convolution.weight)
        channels_last = x[:, 0].unsqueeze(-1).movedim(-1, 1)  # the same numbers, marked as lying in the faster layout
        return F.conv2d(channels_last, scaled, shift, padding=1)


class Images(nn.Module):
    """A check in front of an encoder: float images (n, channels, size, size) pass, anything else is refused.

    Args:
        channels: that the encoder was built for.
        size: likewise, in pixels.
    """

    def __init__(self, channels: int = 1, size: int = 28) -> None:
        super().__init__()
        self.shape = (channels, size, size)

    def forward(self, x: Tensor) -> Tensor:
        """The images as they are; ValueError for another shape, TypeError for another dtype."""
        if x.shape[1:] != self.shape:
            raise ValueError(
                f"The encoder got x of shape {tuple(x.shape)}; it was made for images "
                f"(n, {', '.join(map(str, self.shape))}). {self._advice(x)}"
            )
        if not x.is_floating_point():
            raise TypeError(
                f"The encoder got images of {x.dtype}; it was made for float ones, paper 0 and ink 1. Convert them: "
                f"x.float() / 255."
            )
        return x

    def _advice(self, x: Tensor) -> str:
        """What makes images of this encoder's shape of what has another, or an encoder for them."""
        if x.ndim != 4:
            features = (
                f"Features need an encoder of features, such as mlp({x.shape[-1]}, 64), or in methods that bring their "
                f"own, features={x.shape[-1]}."
            )
            return features if x.ndim == 2 else "Give it a batch of images."
        channels, height, width = x.shape[1:]
        advice = []
        if channels > 4 and width in (1, 3):
            advice, (channels, height, width) = (
                ["Put the channels first: x.permute(0, 3, 1, 2)."],
                (width, channels, height),
            )
        if channels == 3 and self.shape[0] == 1:
            advice.append("Average the colors: x.mean(1, keepdim=True).")
        elif channels != self.shape[0]:
            advice.append(f"Give it {self.shape[0]} channel{'s' if self.shape[0] > 1 else ''}.")
        if (height, width) != self.shape[1:]:
            advice.append("Resize them.")
        if height == width and (channels, height, width) != self.shape:
            advice.append(f"Or build one for them: conv_strided(outputs, channels={channels}, size={height}).")
        return " ".join(advice)


DRAWN = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)  # modules whose weights `fresh` draws


def fresh(module: nn.Module) -> dict[str, Tensor]:
    """New weights for `module`, as nn.Linear and convolutions draw theirs: within 1 / sqrt(inputs of a unit) of 0.

    Parameters of other modules (the scale of a norm) stay as they are; tied ones go by the first of their names. Drawn
    from the global generator; under vmap(randomness="different"), other weights for every task.
    """
    drawn: dict[str, Tensor] = dict(module.named_parameters())
    for prefix, part in module.named_modules():
        for name, p in part.named_parameters(prefix, recurse=False):
            if isinstance(part, DRAWN) and name in drawn:
                bound = 1 / math.sqrt(part.weight[0].numel())
                drawn[name] = bound * (2 * torch.rand_like(p) - 1)
    return drawn


def unfrozen(module: nn.Module) -> dict[str, Tensor]:
    """What a gradient step may move: the parameters of `module` by name, without those with requires_grad=False.

    It is asked at every call, so that what is frozen later stays, too. Where `functional_call` has put phi into the
    place of parameters, tensors stand there that are no nn.Parameter. They say nothing about freezing, and belong to
    phi because what they replaced was not frozen.
    """
    return {name: p for name, p in module.named_parameters() if p.requires_grad or not isinstance(p, nn.Parameter)}


class Frozen(nn.Module):
    """A copy of a trained module that meta-training leaves as it is: no gradients, always in eval mode.

    Args:
        module: what is copied.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = copy.deepcopy(module).requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> Frozen:
        """Stay in eval mode, whatever `mode` says."""
        return super().train(False)

    def forward(self, x: Tensor) -> Tensor:
        """What the frozen module makes of x."""
        return self.module(x)


def to_features(x: Tensor, features: int, embedding: nn.Module) -> Tensor:
    """Images through `embedding`: (n, features). Features that were computed before stay as they are.

    Args:
        x: images (n, ...), or features (n, features) as of `Characters.embedded`.
        features: how many numbers the method reads of an image.
        embedding: what turns images into features.

    Returns:
        (n, features).

    Raises:
        ValueError: if the embedding gives another number of features.
    """
    if x.shape[1:] == (features,):
        return x
    embedded = embedding(x)
    if embedded.shape[1:] != (features,):
        raise ValueError(
            f"Inputs of shape {tuple(x.shape[1:])} give features of shape {tuple(embedded.shape[1:])}; the method was "
            f"built for features={features}. Build it with as many, or use an embedding that gives ({features},)."
        )
    return embedded


@torch.no_grad()
def whitened(encoder: nn.Module, images: Tensor, components: int = 16) -> nn.Module:
    """A frozen encoder whose features are turned to principal components of variance 1.

    Their mean is subtracted. Without that, lesson 05's memory did not learn; few components and one variance for all
    were not what it needed (`benchmarks/directions.py`).

    Args:
        encoder: a trained module, images (n, ...) -> (n, d); it is copied.
        images: (n, ...), on which the components are found.
        components: how many are kept, those of most variance first.

    Returns:
        A frozen module: images (m, ...) -> (m, components).

    Raises:
        ValueError: if there are more components than the features of these images span.
    """
    components = whole("components", components)
    frozen = Frozen(encoder)
    features = torch.cat([frozen(part) for part in images.split(1000)])
    mean = features.mean(0)
    spanned = int(torch.linalg.matrix_rank(features - mean, rtol=1e-3))
    if not 1 <= components <= spanned:
        raise ValueError(
            f"components={components}; expected 1 to {spanned}, the dimensions that features of these {len(images)} "
            f"images span. Change components, or give more images."
        )
    variances, directions = torch.linalg.eigh(features.T.cov())
    turn = nn.Linear(features.shape[-1], components)
    turn.weight.copy_((directions / variances.clamp_min(1e-12).sqrt()).T[-components:].flip(0))
    turn.bias.copy_(-turn.weight @ mean)
    return nn.Sequential(frozen, Frozen(turn))

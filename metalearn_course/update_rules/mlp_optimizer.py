"""A small network that corrects Adam, coordinate by coordinate (after Metz et al., 2019, 2020 and 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .._common.arguments import number, numbers, whole
from .coordinates import flat, no_steps, shaped, zeros
from .sgd import Params


class MLPState(NamedTuple):
    """Running means of each coordinate's gradient, one for every decay, and of its square; and the steps so far."""

    means: Tensor  # (n, decays)
    square: Tensor  # (n, 1)
    steps: Tensor


class MLPOptimizer(nn.Module):
    """theta <- theta - lr * (a + d) * e^s: a is Adam's direction; d and s, direction and magnitude, are learned.

    An LSTM has to learn to remember; here memory is given, as the running means that Adam keeps, and a small network
    with two hidden layers reads it. Of every coordinate it sees its gradient, its running means at several decays, the
    root of its running mean square and its value, each divided by its root mean square over the tensor that it belongs
    to; gradient and means once more, divided by that root, as Adam does; and the time, as tanh(step / scale) at several
    scales.

    A network for each coordinate, direction * e^magnitude, features over their root mean square: Metz et al. (2019,
    "Understanding and correcting pathologies in the training of learned optimizers", arXiv:1810.10180), whose direction
    is d alone, without Adam's, and whose clock is tanh(step / scale - 1). Metz et al. (2020, "Tasks, stability,
    architecture, and compute", arXiv:2009.11243, and 2022, "Practical tradeoffs between memory, compute, and
    performance in learned optimizers", arXiv:2203.11860) build on it, with more features than here.

    The last layer begins at zero, so that an optimizer that was never meta-trained is Adam(lr, 0.9, 0.999, epsilon).

    Args:
        hidden: the width of the network's two hidden layers.
        lr: the rate, above 0; not learned.
        decays: of the running means of gradients, each between 0 and 1; 0.9 has to be among them, for Adam's direction
            is made of it.
        scales: of the clock, in steps, each above 0.
        bound: what |s| stays below.
        epsilon: added inside every root, so that the step is smooth where a gradient is zero.

    Raises:
        ValueError: for a number out of range, and for decays without 0.9.
    """

    decays: Tensor
    scales: Tensor

    def __init__(
        self,
        hidden: int = 32,
        lr: float = 0.01,
        decays: Sequence[float] = (0.5, 0.9, 0.99),
        scales: Sequence[float] = (3, 10, 30, 100, 300, 1000),
        bound: float = 5.0,
        epsilon: float = 1e-12,
    ) -> None:
        super().__init__()
        decays, scales = numbers("decays", decays, 0, 1), numbers("scales", scales, 0)
        if 0.9 not in decays:
            raise ValueError(f"decays={decays}; expected 0.9 among them: Adam's direction is made of it.")
        self.hidden = hidden = whole("hidden", hidden)
        self.lr, self.bound = number("lr", lr, 0), number("bound", bound, 0)
        self.epsilon = number("epsilon", epsilon, 0)
        self.adam = decays.index(0.9)
        self.register_buffer("decays", torch.tensor(decays), persistent=False)
        self.register_buffer("scales", torch.tensor(scales), persistent=False)
        self.read = nn.Linear(2 * (1 + len(decays)) + 2, hidden)
        self.clock = nn.Linear(len(scales), hidden, bias=False)  # the same for all coordinates
        self.think = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, 2)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def init(self, params: Params) -> MLPState:
        """All means at zero, no step taken."""
        return MLPState(zeros(params, len(self.decays)), zeros(params, 1), no_steps(params))

    def update(self, params: Params, grads: Params, state: MLPState, loss: Tensor) -> tuple[Params, MLPState]:
        """One step: Adam's, corrected by the network for every coordinate."""
        theta, g = flat(params, params)[:, None], flat(grads, params)[:, None]  # (n, 1): every coordinate is a row
        steps = state.steps + 1
        means = self.decays * state.means + (1 - self.decays) * g
        square = 0.999 * state.square + 0.001 * g * g
        unbiased = torch.cat([g, means / (1 - self.decays**steps)], -1)  # corrected for the zero start, as in Adam
        root = (square / (1 - 0.999**steps) + self.epsilon).sqrt()
        directions = unbiased / root
        seen = torch.cat([self.over_rms(torch.cat([unbiased, root, theta], -1), params), directions], -1)
        first = (self.read(seen) + self.clock((steps / self.scales).tanh())).relu()
        d, s = self.output(self.think(first).relu()).split(1, -1)
        adam = directions[:, self.adam + 1 : self.adam + 2]
        change = shaped(self.lr * (adam + d) * (self.bound * (s / self.bound).tanh()).exp(), params)
        return {name: p - change[name] for name, p in params.items()}, MLPState(means, square, steps)

    def over_rms(self, features: Tensor, params: Params) -> Tensor:
        """Each feature over its root mean square in each tensor: (n, features) -> (n, features)."""
        parts = features.split([p.numel() for p in params.values()])
        return torch.cat([x * (x.square().mean(0) + self.epsilon).rsqrt() for x in parts])

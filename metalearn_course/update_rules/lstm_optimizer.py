"""A recurrent network that decides on every step: learning to learn by gradient descent.

Andrychowicz et al. (2016, arXiv:1606.04474).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .._common.arguments import number, whole
from .coordinates import flat, shaped, zeros
from .log_and_sign import LARGEST_P, log_and_sign
from .sgd import Params


class LSTMState(NamedTuple):
    """What each coordinate remembers: of every layer the short memory h and the long one c, (n, hidden) each."""

    h: tuple[Tensor, ...]
    c: tuple[Tensor, ...]


class LSTMOptimizer(nn.Module):
    """theta <- theta + g, where g is the output of an LSTM that reads the gradient.

    Andrychowicz et al. (2016, arXiv:1606.04474), section 2.1. Coordinatewise: one small LSTM, the same weights for
    every coordinate of theta, but a state for each. So it fits a learner of any size, and the order of the coordinates
    does not matter. It reads a gradient as `log_and_sign` (appendix A).

    phi: for each layer the `gates`, [x, h] to 4 * hidden numbers, and at the end `output`. Gates are drawn as in
    nn.LSTMCell, but for the forget gate's bias of 1: it begins by remembering.

    Args:
        hidden: how many numbers a layer remembers of each coordinate.
        layers: how many there are.
        p: of `log_and_sign`, between 0 and 87.
        scale: a factor on the output, above 0, which keeps the first steps small.
    """

    def __init__(self, hidden: int = 20, layers: int = 2, p: float = 10.0, scale: float = 0.1) -> None:
        super().__init__()
        self.hidden = hidden = whole("hidden", hidden)
        self.layers = layers = whole("layers", layers)
        self.p, self.scale = number("p", p, 0, LARGEST_P), number("scale", scale, 0)
        self.gates = nn.ModuleList()
        for inputs in [2] + [hidden] * (layers - 1):
            gates = nn.Linear(inputs + hidden, 4 * hidden)
            for drawn in gates.parameters():
                nn.init.uniform_(drawn, -(hidden**-0.5), hidden**-0.5)
            nn.init.ones_(gates.bias[hidden : 2 * hidden])
            self.gates.append(gates)
        self.output = nn.Linear(hidden, 1)

    def init(self, params: Params) -> LSTMState:
        """Zeros for every coordinate."""
        blank = (zeros(params, self.hidden),) * self.layers
        return LSTMState(blank, blank)

    def update(self, params: Params, grads: Params, state: LSTMState, loss: Tensor) -> tuple[Params, LSTMState]:
        """One step of the LSTM for every coordinate, whose output is added to theta."""
        x = log_and_sign(flat(grads, params), self.p)  # (n, 2): every coordinate is a row
        new = []
        for gates, h, c in zip(self.gates, state.h, state.c, strict=True):
            i, f, g, o = gates(torch.cat([x, h], -1)).chunk(4, -1)  # in the order of nn.LSTMCell
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            x = o.sigmoid() * c.tanh()
            new.append((x, c))
        steps = shaped(self.scale * self.output(x), params)
        return {name: p + steps[name] for name, p in params.items()}, LSTMState(*zip(*new, strict=True))

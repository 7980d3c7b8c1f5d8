"""A recurrent network that reads its training set (Hochreiter et al., 2001; the baseline of Santoro et al., 2016)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .._common.arguments import whole
from .reader import Reader

State = tuple[Tensor, Tensor]


class LSTMReader(Reader):
    """An LSTM over (x_t, y_{t-1}): its weights learn how to learn, its state is what was learned.

    Hochreiter et al. (2001) trained one to learn functions from examples; as a few-shot classifier it is the
    baseline of Santoro et al. (2016, arXiv:1605.06065). The four gates are written out: h is the short memory, c the
    long one.

    Args:
        features: how many numbers are read of an image.
        ways: the most classes that an episode may have.
        hidden: how many numbers each of h and c has.
        embedding: what turns images into features, copied and frozen; none by default.

    Raises:
        ValueError: if a number is out of range.
    """

    def __init__(self, features: int, ways: int, hidden: int = 128, embedding: nn.Module | None = None) -> None:
        super().__init__(features, ways, embedding)
        self.hidden = whole("hidden", hidden)
        self.gates = lstm_gates(self.features + self.outputs, self.hidden)
        self.answer = nn.Linear(self.hidden, self.outputs)

    def start(self) -> State:
        """Zeros for h and c."""
        zeros = self.gates.weight.new_zeros(self.hidden)
        return zeros, zeros

    def step(self, state: State, x: Tensor, y_before: Tensor) -> tuple[State, Tensor]:
        """One step of the LSTM: the new h and c, and logits (ways,)."""
        h, c = lstm_cell(self.gates, torch.cat([x, y_before]), state)
        return (h, c), self.answer(h)


def lstm_gates(inputs: int, hidden: int) -> nn.Linear:
    """The gates of an LSTM, [x, h] to 4 * hidden numbers, started so that it soon learns to remember.

    Recurrent weights are orthogonal and the forget gate begins nearly open (bias 1). Input weights are several times
    larger than PyTorch's: gates that hardly react to their input cannot keep one image apart from another, and training
    then stays for long at what counting labels achieves.
    """
    gates = nn.Linear(inputs + hidden, 4 * hidden)
    with torch.no_grad():
        gates.weight[:, :inputs].normal_(0, 0.2)
        for recurrent in gates.weight[:, inputs:].chunk(4):
            nn.init.orthogonal_(recurrent)
        gates.bias.zero_()[hidden : 2 * hidden] = 1
    return gates


def lstm_cell(gates: nn.Linear, x: Tensor, state: State) -> State:
    """One step of an LSTM: x (inputs,), state (h, c), each (hidden,). `gates` maps [x, h] to 4 * hidden numbers.

    The order is input, forget, candidate, output, as in nn.LSTMCell, which has no vmap rule.
    """
    h, c = state
    i, f, g, o = gates(torch.cat([x, h])).chunk(4)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c

"""Gradient descent as the cell of an LSTM: the Meta-LSTM's rule (Ravi and Larochelle, 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .._common.arguments import number
from .coordinates import flat, shaped, zeros
from .log_and_sign import LARGEST_P, log_and_sign
from .sgd import Params


class MetaLSTMGates(nn.Module):
    """theta <- f * theta - i * gradient: a forget gate f, an input gate i (Ravi and Larochelle, 2017, section 3).

    theta stands where an LSTM has its long memory c, and minus the gradient where it has its candidate. Each gate is

        sigmoid(weights . [gradient, loss, theta, the same gate one step before] + bias),

    where gradient and loss are read as `log_and_sign`, two numbers each; weights and bias are the same for all
    coordinates. f is high at first and i low, and the weights are small: it begins as (nearly) gradient descent at rate
    sigmoid(input_bias), which is 0.01 by default.

    State: the gates of the last step, (n, 2) with f first; zeros before the first step, whatever phi is.

    Args:
        forget_bias: of f, before meta-training.
        input_bias: of i, before meta-training.
        p: of `log_and_sign`, between 0 and 87.
    """

    needs_loss = True

    def __init__(self, forget_bias: float = 6.0, input_bias: float = -4.6, p: float = 10.0) -> None:
        super().__init__()
        self.p = number("p", p, 0, LARGEST_P)
        biases = [number("forget_bias", forget_bias), number("input_bias", input_bias)]
        self.seen = nn.Linear(5, 2)
        self.before = nn.Parameter(torch.empty(2).uniform_(-0.01, 0.01))
        nn.init.uniform_(self.seen.weight, -0.01, 0.01)
        with torch.no_grad():
            self.seen.bias.copy_(torch.tensor(biases))

    def init(self, params: Params) -> Tensor:
        """Zeros for both gates of every coordinate: (n, 2)."""
        return zeros(params, 2)

    def update(self, params: Params, grads: Params, state: Tensor, loss: Tensor) -> tuple[Params, Tensor]:
        """One step by the gates, which are the next state."""
        theta, g = flat(params, params), flat(grads, params)
        loss_read = log_and_sign(loss, self.p).expand(len(g), 2)
        seen = torch.cat([log_and_sign(g, self.p), loss_read, theta[:, None]], -1)  # (n, 5): a coordinate is a row
        gates = (self.seen(seen) + self.before * state).sigmoid()
        f, i = gates.unbind(-1)
        return shaped(f * theta - i * g, params), gates

"""An external memory that is written and read again: memory-augmented networks (Santoro et al., 2016)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._common.arguments import number, whole
from ..tasks.task import Examples
from .lstm_reader import lstm_cell, lstm_gates
from .reader import Reader


class Memory(NamedTuple):
    """The memory M (slots, width), how much each slot was used, the last read weights, and the controller's h and c."""

    slots: Tensor
    usage: Tensor
    read: Tensor
    h: Tensor
    c: Tensor


class MemoryTrace(NamedTuple):
    """What happened at every step: logits (T, ways), read weights (T, slots), write weights (T, slots)."""

    logits: Tensor
    reads: Tensor
    writes: Tensor


class MemoryAugmented(Reader):
    """An LSTM controller beside a memory of `slots` rows, read by content and written where it was least used.

    At every step (Santoro et al., 2016, arXiv:1605.06065, section 3): the controller makes a key k and a gate; the
    memory is read by the cosine between k and its slots (equations 2 to 4); the write weights w_w = gate * w_r(before)
    + (1 - gate) * w_lu put k into the slots read one step before or into the least recently used one (equation 7),
    which is erased first; and the usage decays and grows by what was read and written (equation 5). The paper's softmax
    over cosines has no scale and is nearly uniform over many slots: the cosines are multiplied by `scale` here, the key
    strength of Graves et al. (2014, arXiv:1410.5401, equation 5). One head reads here, where the authors had four.

    The paper writes and then reads; here a step reads first, so that it never reads the key that it has just written.

    A sequence longer than the memory overwrites what was least recently used. Each episode starts with an empty memory.

    Args:
        features: how many numbers are read of an image.
        ways: the most classes that an episode may have.
        slots: rows of the memory, as many as `ways` or more.
        width: how many numbers a slot holds.
        hidden: how many the controller's h and c have.
        scale: a factor on the cosines, 0 or more.
        decay: how much of the usage is kept at a step.
        embedding: what turns images into features, copied and frozen; none by default.

    Raises:
        ValueError: if a number is out of range, or there are fewer slots than ways.
    """

    def __init__(
        self,
        features: int,
        ways: int,
        slots: int = 16,
        width: int = 40,
        hidden: int = 128,
        scale: float = 8.0,
        decay: float = 0.99,
        embedding: nn.Module | None = None,
    ) -> None:
        super().__init__(features, ways, embedding)
        features, ways = self.features, self.outputs
        slots, width, hidden = whole("slots", slots), whole("width", width), whole("hidden", hidden)
        if slots < ways:
            raise ValueError(
                f"A memory of {slots} slots cannot hold {ways} classes, one example of each. Use slots={ways} or more."
            )
        self.slots, self.width, self.hidden = slots, width, hidden
        self.scale, self.decay = number("scale", scale, least=0), number("decay", decay, least=0)
        self.gates = lstm_gates(features + ways + width, hidden)
        self.key = nn.Linear(hidden, width)
        self.gate = nn.Linear(hidden, 1)
        self.answer = nn.Linear(hidden + width, ways)

    def start(self) -> Memory:
        """An empty memory: next to zero, for a cosine needs a direction."""
        new = self.gates.weight.new_zeros
        return Memory(
            new(self.slots, self.width) + 1e-6, new(self.slots), new(self.slots), new(self.hidden), new(self.hidden)
        )

    def step(self, state: Memory, x: Tensor, y_before: Tensor) -> tuple[Memory, Tensor]:
        """One example read: the new memory, and logits (ways,)."""
        state, logits, _ = self.step_in_full(state, x, y_before)
        return state, logits

    def step_in_full(self, state: Memory, x: Tensor, y_before: Tensor) -> tuple[Memory, Tensor, Tensor]:
        """The state after one example, the logits (ways,), and the write weights (slots,)."""
        recalled = state.read @ state.slots
        h, c = lstm_cell(self.gates, torch.cat([x, y_before, recalled]), (state.h, state.c))
        key, gate = self.key(h).tanh(), self.gate(h).sigmoid()
        read = read_weights(state.slots, key, self.scale)
        logits = self.answer(torch.cat([h, read @ state.slots]))
        slots, write = write_memory(state.slots, state.usage, state.read, key, gate)
        usage = self.decay * state.usage + read + write
        return Memory(slots, usage, read, h, c), logits, write

    def read_in_full(self, x: Tensor, y: Tensor) -> MemoryTrace:
        """One whole sequence of embedded examples x (T, d) with labels y (T,), with everything read and written."""
        state, steps = self.start(), []
        for one, y_before in zip(x, self.labels_before(Examples(x, y)), strict=True):
            state, logits, write = self.step_in_full(state, one, y_before)
            steps.append((logits, state.read, write))
        return MemoryTrace(*(torch.stack(part) for part in zip(*steps, strict=True)))


def read_weights(slots: Tensor, key: Tensor, scale: float) -> Tensor:
    """Softmax of the cosines between a key (width,) and all slots (slots, width): (slots,), they sum to one."""
    return (scale * F.cosine_similarity(slots, key, dim=-1, eps=1e-6)).softmax(-1)


def write_memory(slots: Tensor, usage: Tensor, read: Tensor, key: Tensor, gate: Tensor) -> tuple[Tensor, Tensor]:
    """Erase the least recently used slot, then write a key (Santoro et al.'s equations 7 and 8).

    Args:
        slots: the memory (slots, width).
        usage: how much each slot was used (slots,).
        read: the read weights of the step before (slots,).
        key: what is written (width,).
        gate: between 0, write to the least used slot, and 1, to those read before; (1,).

    Returns:
        The memory afterwards, and the write weights (slots,).
    """
    least_used = F.one_hot(usage.argmin(-1), len(usage)).to(usage)
    write = gate * read + (1 - gate) * least_used
    return slots * (1 - least_used)[:, None] + write[:, None] * key, write

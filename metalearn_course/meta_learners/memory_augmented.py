"""An external memory that is written once and read again: memory-augmented networks (Santoro et al., 2016)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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

    At every step (Santoro et al., 2016, section 3): the controller makes a key k and a gate; the memory is read by the
    cosine between k and its slots (equations 2 to 4); the write weights w_w = gate * w_r(before) + (1 - gate) * w_lu
    put k into the slots read one step before or into the least recently used one (equation 7), which is erased
    first; and the usage decays and grows by what was read and written (equation 5). The paper's softmax over cosines
    has no sharpness and is nearly uniform over many slots: the cosines are multiplied by `sharpness` here.

    A sequence longer than the memory overwrites what was least recently used; fewer slots than ways are refused. Each
    episode starts with an empty memory.
    """

    def __init__(
        self,
        features: int,
        ways: int,
        slots: int = 16,
        width: int = 40,
        hidden: int = 128,
        sharpness: float = 8.0,
        decay: float = 0.99,
        embedding: nn.Module | None = None,
    ) -> None:
        super().__init__(features, ways, embedding)
        if slots < ways:
            raise ValueError(
                f"A memory of {slots} slots cannot hold {ways} classes, one example of each. Use slots={ways} or more."
            )
        self.slots, self.width, self.hidden = slots, width, hidden
        self.sharpness, self.decay = sharpness, decay
        self.gates = lstm_gates(features + ways + width, hidden)
        self.key = nn.Linear(hidden, width)
        self.gate = nn.Linear(hidden, 1)
        self.answer = nn.Linear(hidden + width, ways)

    def start(self) -> Memory:
        new = self.gates.weight.new_zeros
        return Memory(
            new(self.slots, self.width) + 1e-6, new(self.slots), new(self.slots), new(self.hidden), new(self.hidden)
        )

    def step(self, state: Memory, x: Tensor, y_before: Tensor) -> tuple[Memory, Tensor]:
        state, logits, _ = self.step_in_full(state, x, y_before)
        return state, logits

    def step_in_full(self, state: Memory, x: Tensor, y_before: Tensor) -> tuple[Memory, Tensor, Tensor]:
        """The state after one example, the logits (ways,), and the write weights (slots,)."""
        recalled = state.read @ state.slots
        h, c = lstm_cell(self.gates, torch.cat([x, y_before, recalled]), (state.h, state.c))
        key, gate = self.key(h).tanh(), self.gate(h).sigmoid()
        read = read_weights(state.slots, key, self.sharpness)
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


def read_weights(slots: Tensor, key: Tensor, sharpness: float) -> Tensor:
    """Softmax of the cosines between a key (width,) and all slots (slots, width): (slots,), they sum to one."""
    return (sharpness * F.cosine_similarity(slots, key, dim=-1, eps=1e-6)).softmax(-1)


def write_memory(slots: Tensor, usage: Tensor, read: Tensor, key: Tensor, gate: Tensor) -> tuple[Tensor, Tensor]:
    """The memory after writing `key`, and the write weights (slots,): equations 7 and 8, the erasing before them."""
    least_used = F.one_hot(usage.argmin(-1), len(usage)).to(usage)
    write = gate * read + (1 - gate) * least_used
    return slots * (1 - least_used)[:, None] + write[:, None] * key, write

"""What torch's fused kernels cannot do in an inner loop: named, or done without them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

RECURRENT = (nn.RNNBase, nn.RNNCellBase)  # torch fuses their steps, and vmap cannot look into what is fused

# The second derivative of a LayerNorm, BatchNorm or InstanceNorm whose weights differ from task to task is wrong under
# vmap (torch 2.13): by up to a percent where it was compared with finite differences. Their first derivative is right.
NORMS = (nn.LayerNorm, nn.modules.batchnorm._NormBase)

# What is adapted one task after another. Convolutions of different weights are faster so.
ALONE = (nn.Conv2d, *NORMS, *RECURRENT)


@contextmanager
def no_batching_rule(
    module: nn.Module, loop: str = "Set one_by_one = True on the method: its tasks then come in a loop"
) -> Iterator[None]:
    """Name the recurrent module, in a line, where vmap failed inside it; `loop` is what else can be done."""
    try:
        yield
    except RuntimeError as error:
        found = [(name, part) for name, part in module.named_modules() if isinstance(part, RECURRENT)]
        if not found or not any(words in str(error) for words in ("Batching rule", "broadcast shape", "vmap")):
            raise
        name, part = found[0]
        raise RuntimeError(
            f"{name} (nn.{type(part).__name__}) does not run under vmap: torch fuses its steps. {loop}. Or "
            f"write the steps out, as LSTMReader does."
        ) from error


class _Switch:
    """Switches of the whole process that several threads may need at once: the last of them puts back what was.

    Args:
        read: what they are now.
        write: sets them so.
        needed: what they have to be meanwhile.
    """

    def __init__(
        self, read: Callable[[], tuple[bool, ...]], write: Callable[[tuple[bool, ...]], None], needed: tuple[bool, ...]
    ) -> None:
        self._read, self._write, self._needed = read, write, needed
        self._lock, self._users, self._before = threading.Lock(), 0, needed

    @contextmanager
    def as_needed(self) -> Iterator[None]:
        with self._lock:
            if not self._users:
                self._before = self._read()
                self._write(self._needed)
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._write(self._before)


def _attention() -> tuple[bool, ...]:
    cuda = torch.backends.cuda
    fused = cuda.flash_sdp_enabled(), cuda.mem_efficient_sdp_enabled(), cuda.cudnn_sdp_enabled()
    return torch.backends.mha.get_fastpath_enabled(), *fused, cuda.math_sdp_enabled()


def _set_attention(values: tuple[bool, ...]) -> None:
    cuda = torch.backends.cuda
    setters = (
        torch.backends.mha.set_fastpath_enabled,
        cuda.enable_flash_sdp,
        cuda.enable_mem_efficient_sdp,
        cuda.enable_cudnn_sdp,
        cuda.enable_math_sdp,
    )
    for setter, value in zip(setters, values, strict=True):
        setter(value)


def _recurrence() -> tuple[bool, ...]:
    return (torch.backends.mkldnn.set_flags()[0],)  # given nothing, it sets nothing and tells what is


def _set_recurrence(values: tuple[bool, ...]) -> None:
    torch.backends.mkldnn.set_flags(*values)


_PLAIN_PRODUCTS = _Switch(_attention, _set_attention, (False, False, False, False, True))
_PLAIN_STEPS = _Switch(_recurrence, _set_recurrence, (False,))


@contextmanager
def twice_differentiable(recurrent: bool) -> Iterator[None]:
    """Inside, attention is computed by plain products: torch's fused kernels have no second derivative.

    Where there is something `recurrent`, so are the steps of an LSTM, which MKLDNN has a kernel for.
    """
    if torch.compiler.is_compiling():  # a compiled function cannot switch kernels
        yield
        return
    with _PLAIN_PRODUCTS.as_needed(), _PLAIN_STEPS.as_needed() if recurrent else nullcontext():
        yield


__all__ = ["ALONE", "NORMS", "RECURRENT", "no_batching_rule", "twice_differentiable"]

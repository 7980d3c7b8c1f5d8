"""What torch's fused kernels cannot do in an inner loop: named, or done without them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

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


@contextmanager
def twice_differentiable(recurrent: bool) -> Iterator[None]:
    """Inside, attention is computed by plain products: torch's fused kernels have no second derivative.

    Where there is something `recurrent`, so are the steps of an LSTM, which MKLDNN has a kernel for.
    """
    if torch.compiler.is_compiling():  # a compiled function cannot switch kernels
        yield
        return
    fast, (mkldnn, *_) = torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.set_flags()
    torch.backends.mha.set_fastpath_enabled(False)
    if recurrent:
        torch.backends.mkldnn.set_flags(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch.backends.mkldnn.set_flags(mkldnn)


__all__ = ["ALONE", "NORMS", "RECURRENT", "no_batching_rule", "twice_differentiable"]

"""Why a check fails, where that can be found out: the line of the method at fault, and what to write in its place."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from .checks import CheckError

_TORCH, _HERE = str(Path(torch.__file__).parent), str(Path(__file__).parent)
_COURSE = str(Path(__file__).parents[1])

_SIZES = (
    "a size that depends on values, which vmap cannot have. Keep all rows and weigh them: with one_hot = "
    "self.one_hot(support), one_hot.T @ x / one_hot.sum(0)[:, None] are means of classes; or use torch.where"
)
_UNDER_VMAP = {
    "dynamic shape": _SIZES,
    "calling .item()": (
        "a number taken out of a tensor, which vmap cannot do. For the number of classes write self.ways; otherwise "
        "keep the tensor"
    ),
    "data-dependent control flow": "a branch that depends on values, which vmap cannot take. Write torch.where",
    "backward() called inside": (
        "backward(), which does not work under vmap. Take gradients by torch.func.grad, or steps by unroll"
    ),
    "inplace arithmetic": (
        "a tensor that all tasks share, changed in place. Make a new one, and return it from adapt if predict needs it"
    ),
}


@contextmanager
def own_words(name: str) -> Iterator[None]:
    """Inside, what vmap says of the method called `name` is said in a line, with the method's own line."""
    try:
        yield
    except RuntimeError as error:
        for words, advice in _UNDER_VMAP.items():
            if words in str(error):
                raise CheckError(f"{name}: {_place_in(error.__traceback__)} has {advice}.") from error
        raise


def built(make: Callable[[], nn.Module]) -> nn.Module:
    """What `make()` makes; CheckError where its constructor does not call that of its base class."""
    try:
        made = make()
    except AttributeError as error:
        if "before Module.__init__() call" not in str(error):
            raise
        owners = [frame.f_locals.get("self") for frame in _frames(error.__traceback__)]
        name = next((type(owner).__name__ for owner in owners if isinstance(owner, nn.Module)), "The method")
        raise _without_super(name) from error
    if isinstance(made, nn.Module) and ("_modules" not in vars(made) or not hasattr(made, "loss")):
        raise _without_super(type(made).__name__)
    return made


def _without_super(name: str) -> CheckError:
    return CheckError(
        f"{name}.__init__ does not call that of MetaLearner. Write super().__init__() as its first line, with the "
        f"loss in brackets where it is not F.cross_entropy."
    )


class Watch(TorchFunctionMode):
    """Inside, notes where a float32 value meets float64, and where the gradient is switched off or cut.

    Args:
        module: the method, whose attributes are known by name.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.float32 = ""
        self.cut = ""
        self._made: dict[int, tuple[Tensor, str]] = {}
        for path, part in module.named_modules():
            for name, value in vars(part).items():
                if isinstance(value, Tensor) and value.dtype == torch.float32:
                    whole = f"self.{path}.{name}" if path else f"self.{name}"
                    fix = f"Make it a buffer, which is converted, too: self.register_buffer({name!r}, ...)"
                    self._made[id(value)] = (value, f"{whole} is torch.float32. {fix}")

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs or {})) if isinstance(leaf, Tensor)]
        name = getattr(func, "__name__", str(func))
        if not self.cut and any(g.requires_grad for g in given):
            if name == "detach":
                self.cut = f"L{_place()[1:]} cuts the gradient by detach()"
            elif not torch.is_grad_enabled() and name not in ("__get__", "size", "dim", "__len__"):
                self.cut = f"L{_place()[1:]} is computed without a gradient, under torch.no_grad()"
        double = any(g.dtype == torch.float64 for g in given)
        if double and not self.float32:
            single = [g for g in given if g.dtype == torch.float32 and g.ndim]
            self.float32 = next((self._made[id(g)][1] for g in single if id(g) in self._made), "")
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.dtype == torch.float32 and not double and id(result) not in self._made:
            earlier = next((self._made[id(g)][1] for g in given if id(g) in self._made), "")
            to = f"torch.{name}({'n' if name == 'eye' else '...'}, dtype=x.dtype)" if not given else ".to(x)"
            self._made[id(result)] = (result, earlier or f"{_place()} gives a torch.float32 tensor. Write {to}")
        return result


def _place() -> str:
    """The line of the method that is at work."""
    frames: list[FrameType] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    while frame is not None and not frame.f_code.co_filename.startswith(_HERE):
        frames.insert(0, frame)
        frame = frame.f_back
    return _words([(f, f.f_lineno) for f in frames])


def _place_in(traceback: TracebackType | None) -> str:
    """The line of the method that an error came from."""
    lines = []
    while traceback is not None:
        lines.append((traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    return _words(lines)


def _frames(traceback: TracebackType | None) -> Iterator[FrameType]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _words(lines: list[tuple[FrameType, int]]) -> str:
    """The innermost line of somebody's own, or else of the course: its number and its text."""
    outside = [(f, n) for f, n in lines if not f.f_code.co_filename.startswith((_TORCH, _HERE, "<frozen"))]
    own = [(f, n) for f, n in outside if not f.f_code.co_filename.startswith(_COURSE)]
    if not (own or outside):
        return "line ?"
    frame, number = (own or outside)[-1]
    text = linecache.getline(frame.f_code.co_filename, number, frame.f_globals).strip()
    text = f"{text[:99]}..." if len(text) > 100 else text
    return f"line {number} (`{text}`)" if text else f"line {number}"


__all__ = ["Watch", "built", "own_words"]

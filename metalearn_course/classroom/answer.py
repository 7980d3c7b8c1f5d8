"""Run a learner's function so that whatever it does can be said in one sentence.

Endless loops are stopped without SIGALRM, which Windows lacks: a timer thread calls `_thread.interrupt_main` again and
again, and a SIGINT handler raises `TimeLimit` while, and only while, the learner's code is on the stack. An interrupt
that arrives after the function has returned therefore does nothing. Where an `except:` swallows it, the next one is
already pending: every interrupt leaves another behind, so that nested loops are left level by level.
"""

from __future__ import annotations

import _thread
import inspect
import linecache
import signal
import threading
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metalearn_course.classroom.mistakes import SECONDS, Mistake, NotYet
from metalearn_course.classroom.values import expect_kind, parts

GRACE = 1.0
_UNSET: Any = object()


class TimeLimit(BaseException):
    """Raised inside a learner's function when its time is over."""


class _Interrupt(int):
    """Reading `again` leaves an interrupt pending.

    An attribute, because Python looks for pending signals after every call, but not after an attribute: the interrupt
    is seen in the learner's code, not in the handler that left it behind.
    """

    again = property(_thread.interrupt_main)


class Answer:
    """The learner's function under guard: what a check calls.

    `answer(*inputs, like=reference)` returns what the function returns, or raises the Mistake or NotYet that says what
    went wrong. `like` is a value of the type, keys, shape and dtype that is expected.
    """

    def __init__(self, function: Callable[..., Any], seconds: float = SECONDS) -> None:
        self.function = function
        self.seconds = seconds
        self.name = getattr(function, "__name__", "your function")

    def __call__(self, *args: Any, like: Any = _UNSET, **kwargs: Any) -> Any:
        """Call the function on these inputs; see the class."""
        inputs = {name: Snapshot(value) for name, value in _named(self.function, args, kwargs).items()}
        try:
            result = self._run(lambda function: function(*args, **kwargs))
            for name, before in inputs.items():
                path = before.change()
                if path is not None:
                    raise Mistake(
                        "changes_inputs",
                        f"`{self.name}` changes its argument `{name}{path}` in place. Whoever called it still needs "
                        "the old value: make a new one.",
                    )
        finally:
            for before in inputs.values():
                before.restore()
        if like is not _UNSET:
            expect_kind(result, like, f"the result of `{self.name}`")
        return result

    def within(self, expression: Callable[[Callable[..., Any]], Any], like: Any = _UNSET) -> Any:
        """Run `expression(function)` under the same guard, inputs unwatched: for `vmap(function)` and the like."""
        result = self._run(expression)
        if like is not _UNSET:
            expect_kind(result, like, f"what `{self.name}` gives")
        return result

    def _run(self, expression: Callable[[Callable[..., Any]], Any]) -> Any:
        try:
            return _limited(lambda: expression(self.function), self.seconds, _files(self.function))
        except TimeLimit:
            message = (
                f"`{self.name}` was still running after {self.seconds:g} s and was stopped. Does a loop never end?"
            )
            raise Mistake("timeout", message) from None
        except Exception as error:
            frame = _learners_frame(error, self.function)
            if isinstance(error, NotImplementedError) and not str(error) and frame is not None and frame.is_last:
                raise NotYet(frame.name) from None
            place = "" if frame is None else f" ({frame.place})"
            text = " ".join(str(error).split())
            text = text if len(text) <= 300 else text[:297] + "..."
            message = f"`{self.name}` raised {type(error).__name__}: {text}{place}"
            if "with more than one value is ambiguous" in text:
                message += ". An `if` cannot ask about many numbers at once: let `torch.where` choose for each"
            raise Mistake("raised", message) from None


class Snapshot:
    """A value as it was: what changed since, and the way back.

    The learner's function gets the originals, so that a check can ask for gradients with respect to them.
    Generators and other objects are not watched: drawing from a generator has to change it.
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        self.parts = [(path, Snapshot(item)) for path, item in parts(value)]
        self.members = value.copy() if isinstance(value, dict | list) else None
        self.copy: Any = None
        if isinstance(value, Tensor):
            self.copy, self.needs_gradient = value.detach().clone(), value.requires_grad
            self.gradient = value.grad if value.is_leaf else None  # asking others for theirs prints a warning
        elif isinstance(value, np.ndarray):
            self.copy = value.copy()
        elif isinstance(value, torch.nn.Module):
            named = {**dict(value.named_parameters()), **dict(value.named_buffers())}
            self.parts = [(f".{name}", Snapshot(item)) for name, item in named.items()]

    def change(self) -> str | None:
        """The path of the first part that changed, "" for the whole, None when all is as it was."""
        if self.members is not None and not _same_members(self.value, self.members):
            return ""
        if self.copy is not None and not _equal(self.value, self.copy):
            return ""
        for path, part in self.parts:
            inside = part.change()
            if inside is not None:
                return path + inside
        return None

    def restore(self) -> None:
        """Put the old contents back into the very same objects."""
        if isinstance(self.value, dict) and isinstance(self.members, dict):
            self.value.clear()
            self.value.update(self.members)
        elif isinstance(self.value, list) and isinstance(self.members, list):
            self.value[:] = self.members
        elif isinstance(self.value, Tensor):
            if not _equal(self.value, self.copy):
                self.value.data = self.copy
            if self.value.is_leaf:
                self.value.grad = self.gradient
                self.value.requires_grad_(self.needs_gradient)
        elif isinstance(self.value, np.ndarray) and not _equal(self.value, self.copy):
            self.value[...] = self.copy
        for _, part in self.parts:
            part.restore()


def _same_members(now: Any, before: Any) -> bool:
    if len(now) != len(before):
        return False
    if isinstance(now, dict):
        return all(key in now and now[key] is item for key, item in before.items())
    return all(one is other for one, other in zip(now, before, strict=True))


def _equal(now: Any, before: Any) -> bool:
    if isinstance(now, np.ndarray):
        return now.shape == before.shape and np.array_equal(now, before, equal_nan=now.dtype.kind in "fc")
    if now.shape != before.shape or now.dtype != before.dtype:
        return False
    return bool(((now == before) | ((now != now) & (before != before))).all())


def _named(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by the names that the learner's signature gives them."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
        return dict(bound.arguments)
    except (TypeError, ValueError):
        return {f"argument {index + 1}": value for index, value in enumerate(args)} | kwargs


def _call(function: Callable[[], Any]) -> Any:
    """Everything above this frame on the stack is the learner's: only there may TimeLimit be raised."""
    return function()


def _inside_call(frame: types.FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code is _call.__code__:
            return True
        frame = frame.f_back
    return False


def _limited(function: Callable[[], Any], seconds: float, files: set[str]) -> Any:
    """Call `function`, and raise TimeLimit in it after `seconds`: in the code of `files` and in notebook cells.

    Elsewhere, inside torch say, an interrupted `finally` would leave a switch in the wrong place (no gradients, a vmap
    that never ended), so that there the interrupt is handed on until the learner's code is reached, or GRACE is over.
    """
    if threading.current_thread() is not threading.main_thread():
        return function()
    over, finished = threading.Event(), threading.Event()
    previous = signal.getsignal(signal.SIGINT)
    sigint = _Interrupt(signal.SIGINT)
    deadline = time.monotonic() + seconds

    def handler(number: int, frame: types.FrameType | None) -> None:
        if not over.is_set():
            if callable(previous):
                previous(number, frame)
            return
        if frame is None or frame.f_code is handler.__code__ or not _inside_call(frame):
            return
        file = frame.f_code.co_filename
        stop = file in files or _is_cell(file) or time.monotonic() > deadline + GRACE
        sigint.again  # noqa: B018 - and no call from here on, or the interrupt would be seen here
        if stop:
            raise TimeLimit

    def watch() -> None:
        if finished.wait(seconds):
            return
        over.set()
        while not finished.wait(0.02):
            _thread.interrupt_main()

    watcher = threading.Thread(target=watch, daemon=True)
    signal.signal(signal.SIGINT, handler)
    watcher.start()
    try:
        return _call(function)
    finally:
        finished.set()
        watcher.join()
        signal.signal(signal.SIGINT, previous)


class _Frame:
    """A place in the learner's code."""

    def __init__(self, filename: str, line: int, name: str, is_last: bool) -> None:
        self.name, self.is_last = name, is_last
        file = "your cell" if _is_cell(filename) else Path(filename).name
        code = linecache.getline(filename, line).strip()
        self.place = f"line {line} of {file}" + (f": `{code}`" if code else "")


def _is_cell(filename: str) -> bool:
    return "ipykernel_" in filename or filename.startswith(("<ipython", "<string", "<stdin"))


def _files(function: Callable[..., Any]) -> set[str]:
    """Where a function was written, decorators included."""
    layers = [function, inspect.unwrap(function), getattr(function, "func", None)]
    codes = [getattr(layer, "__code__", None) for layer in layers]
    return {code.co_filename for code in codes if code is not None}


def _learners_frame(error: BaseException, function: Callable[..., Any]) -> _Frame | None:
    """The deepest frame of a traceback that lies in the file or cell of the learner's function, or in another cell."""
    files = _files(function)
    found, trace = None, error.__traceback__
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        if filename in files or _is_cell(filename):
            found = _Frame(filename, trace.tb_lineno, trace.tb_frame.f_code.co_name, trace.tb_next is None)
        trace = trace.tb_next
    return found

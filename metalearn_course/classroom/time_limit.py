"""End a learner's code when its time is over.

A timer thread sends SIGINT to the main thread again and again, and a handler raises `TimeLimit` while, and only while,
the learner's code is on the stack. A signal that arrives after the function has returned therefore does nothing. Where
an `except:` swallows it, the next one is already pending: every signal leaves another behind, so that nested loops are
left level by level.

What can be stopped: on Linux and macOS, whatever runs Python or waits (`time.sleep`, a lock, a queue). On Windows no
signal can be sent to a thread. There, a pending interrupt is left for the main thread: it ends loops, and is seen only
after a wait. Nowhere can one long call into compiled code be stopped before it returns, except `sum` and its like over
an endless iterator: those are given their items one by one.
"""

from __future__ import annotations

import _thread
import builtins
import functools
import signal
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from metalearn_course.classroom.places import is_cell

GRACE = 1.0
_CONSUMERS = ("all", "any", "max", "min", "sum")


class TimeLimit(BaseException):
    """Raised inside a learner's function when its time is over."""


class _Interrupt(int):
    """Reading `again` leaves an interrupt pending.

    An attribute, because Python looks for pending signals after every call, but not after an attribute: the interrupt
    is seen in the learner's code, not in the handler that left it behind.
    """

    again = property(_thread.interrupt_main)


def _call(function: Callable[[], Any]) -> Any:
    """Everything above this frame on the stack is the learner's: only there may TimeLimit be raised."""
    return function()


def _inside_call(frame: types.FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code is _call.__code__:
            return True
        frame = frame.f_back
    return False


def _interrupt_main() -> None:
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # wakes it where it waits
    else:
        _thread.interrupt_main()


def limited(function: Callable[[], Any], seconds: float, files: set[str]) -> Any:
    """Call `function`, and raise TimeLimit in it after `seconds`: in the code of `files` and in notebook cells.

    Elsewhere, inside torch say, an interrupted `finally` would leave a switch in the wrong place (no gradients, a vmap
    that never ended), so that there the interrupt is handed on until the learner's code is reached, or GRACE is over.
    Outside the main thread there is no limit.
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
        code = frame.f_code
        stop = code.co_filename in files or is_cell(code.co_filename) or code is _one_by_one.__code__
        stop = stop or time.monotonic() > deadline + GRACE
        sigint.again  # noqa: B018 - and no call from here on, or the interrupt would be seen here
        if stop:
            raise TimeLimit

    def watch() -> None:
        if finished.wait(seconds):
            return
        over.set()
        while not finished.wait(0.02):
            _interrupt_main()

    watcher = threading.Thread(target=watch, daemon=True)
    signal.signal(signal.SIGINT, handler)
    watcher.start()
    try:
        with _patient_consumers():
            return _call(function)
    finally:
        finished.set()
        watcher.join()
        signal.signal(signal.SIGINT, previous)


@contextmanager
def _patient_consumers() -> Iterator[None]:
    """Let `sum` and its like see signals: in compiled code alone, `sum(itertools.repeat(0))` would never see one."""
    before = {name: getattr(builtins, name) for name in _CONSUMERS}
    for name, consume in before.items():
        setattr(builtins, name, _patient(consume))
    try:
        yield
    finally:
        for name, consume in before.items():
            setattr(builtins, name, consume)


def _patient(consume: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(consume)
    def call(*args: Any, **kwargs: Any) -> Any:
        if args and hasattr(type(args[0]), "__next__"):
            args = (_one_by_one(args[0]), *args[1:])
        return consume(*args, **kwargs)

    return call


def _one_by_one(items: Iterator[Any]) -> Iterator[Any]:
    for item in items:  # noqa: UP028 - `yield from` would hand the loop back to compiled code
        yield item

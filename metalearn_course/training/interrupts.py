"""A training that can be stopped by hand, and watched."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def deferred_interrupt() -> Iterator[threading.Event]:
    """Inside, a first Ctrl-C or "stop" only sets the event, to be looked at between steps; a second one interrupts."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    previous = signal.getsignal(signal.SIGINT)

    def note(signum: int, frame: Any) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, previous)


def progress_bar(steps: range, name: str, progress: bool) -> Iterator[int]:
    """The steps, under a progress bar that vanishes when it is done."""
    if not progress:
        yield from steps
        return
    from tqdm import tqdm

    yield from tqdm(steps, name, leave=False, file=sys.stdout, mininterval=0.5, dynamic_ncols=False, ncols=80)


__all__ = ["deferred_interrupt", "progress_bar"]

"""A training that can be stopped by hand, and watched."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Generator, Iterable, Iterator
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


def progress_bar(parts: Iterable[int], name: str, progress: bool, total: int) -> Generator[int, None, None]:
    """The same numbers, under a progress bar that vanishes when it is done or closed; each adds itself to the bar.

    Args:
        parts: how much is done in each turn.
        name: what is written before the bar.
        progress: whether there is a bar.
        total: their sum.
    """
    if not progress:
        yield from parts
        return
    from tqdm import tqdm

    with tqdm(None, name, total, leave=False, file=sys.stdout, mininterval=0.5, dynamic_ncols=False, ncols=80) as bar:
        for part in parts:
            yield part
            bar.update(part)


__all__ = ["deferred_interrupt", "progress_bar"]

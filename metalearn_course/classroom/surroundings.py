"""What a learner's function could leave behind, in torch, in Python and on the screen: noted, and put back.

A check runs in surroundings of its own (float32, the processor, gradients on), whatever the notebook has set, and every
call of the function ends in those in which it began.
"""

from __future__ import annotations

import builtins
import math
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import numpy as np
import torch

ROOM = 20_000  # characters that one check may print


class Switch(NamedTuple):
    """Something global: how it is read, and how it is set."""

    read: Callable[[], Any]
    write: Callable[[Any], object]


def _set_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)


def _set_filters(filters: list[Any]) -> None:
    warnings.filters[:] = filters  # type: ignore[index]
    with warnings.catch_warnings():
        pass  # leaving it makes Python look at the filters anew


def _set_environment(values: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(values)


def _set_streams(streams: tuple[Any, Any]) -> None:
    sys.stdout, sys.stderr = streams


_DTYPE = Switch(torch.get_default_dtype, torch.set_default_dtype)
_DEVICE = Switch(torch.get_default_device, _set_device)
_GRADIENTS = Switch(torch.is_grad_enabled, torch.set_grad_enabled)
_ANOMALY = Switch(
    lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
    lambda state: torch.autograd.set_detect_anomaly(*state),
)
_DETERMINISM = Switch(
    lambda: (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
    lambda state: torch.use_deterministic_algorithms(state[0], warn_only=state[1]),
)
_SWITCHES = (
    _DTYPE,
    _DEVICE,
    _GRADIENTS,
    _ANOMALY,
    _DETERMINISM,
    Switch(torch.get_num_threads, torch.set_num_threads),
    Switch(lambda: list(warnings.filters), _set_filters),
    Switch(lambda: warnings.showwarning, lambda show: setattr(warnings, "showwarning", show)),
    Switch(os.getcwd, os.chdir),
    Switch(lambda: dict(os.environ), _set_environment),
    Switch(lambda: list(sys.path), lambda path: sys.path.__setitem__(slice(None), path)),
    Switch(sys.getrecursionlimit, sys.setrecursionlimit),
    Switch(lambda: (sys.stdout, sys.stderr), _set_streams),
)
_NORMAL = ((_DTYPE, torch.float32), (_DEVICE, torch.device("cpu")), (_GRADIENTS, True), (_ANOMALY, (False, True)))
_NAMESPACES = (builtins, math, np, torch, torch.Tensor, torch.autograd, torch.func, torch.linalg, torch.nn.functional)


class Screen:
    """A stream as a learner's function sees it: it cannot be closed, and it shows `room` characters at most."""

    def __init__(self, stream: Any, room: int = ROOM) -> None:
        self.stream, self.room = stream, room

    def write(self, text: str) -> int:
        """Write what there is room for."""
        if self.room > 0:
            self.stream.write(text[: self.room])
        if len(text) > self.room >= 0:  # for the first time
            self.stream.write("\n... (more was printed than can be shown)\n")
            self.room = -1
        else:
            self.room -= len(text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write several."""
        for line in lines:
            self.write(line)

    def close(self) -> None:
        """Leave it open: it is the notebook's."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class Surroundings:
    """The surroundings of one check: `kept()` around every call of the learner's function."""

    def __init__(self) -> None:
        self.names = {space: dict(vars(space)) for space in _NAMESPACES}
        self.room = ROOM

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Whatever happens within, all is as it was afterwards."""
        before = _noted()
        screens = Screen(sys.stdout, self.room), Screen(sys.stderr, self.room)
        sys.stdout, sys.stderr = screens
        try:
            with _no_way_out():
                yield
        finally:
            self._put_names_back()
            self.room = min(screen.room for screen in screens)
            _put_back(before)

    def _put_names_back(self) -> None:
        """Functions of torch and Python that were replaced. A module may load another one of its own meanwhile."""
        for space, before in self.names.items():
            now = dict(vars(space))
            for name, value in before.items():
                if now.get(name, before) is not value:
                    with suppress(AttributeError, TypeError):
                        setattr(space, name, value)
            if isinstance(space, type):
                for name in now.keys() - before.keys():
                    delattr(space, name)


@contextmanager
def _no_way_out() -> Iterator[None]:
    """Inside, what ends Python or the kernel of a notebook at once raises SystemExit; a child process still ends."""
    ends: list[tuple[Any, str]] = [(os, "_exit"), (os, "abort")]
    if (autocall := sys.modules.get("IPython.core.autocall")) is not None:  # `exit` and `quit` of a notebook
        ends += [(autocall.ExitAutocall, "__call__"), (autocall.ZMQExitAutocall, "__call__")]
    process, real = os.getpid(), [vars(owner)[name] for owner, name in ends]

    def instead_of(end: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(*arguments: Any, **options: Any) -> Any:
            if os.getpid() != process:
                return end(*arguments, **options)
            raise SystemExit(0)

        return refuse

    for (owner, name), end in zip(ends, real, strict=True):
        setattr(owner, name, instead_of(end))
    try:
        yield
    finally:
        for (owner, name), end in zip(ends, real, strict=True):
            setattr(owner, name, end)


def _noted() -> list[Any]:
    return [switch.read() for switch in _SWITCHES]


def _put_back(before: list[Any]) -> None:
    for switch, value in zip(_SWITCHES, before, strict=True):
        try:
            changed = switch.read() != value
        except OSError:  # the folder that the answer went to is no more
            changed = True
        if changed:
            switch.write(value)


@contextmanager
def of_a_check() -> Iterator[None]:
    """The surroundings in which a function is judged; the notebook's own afterwards, its random numbers included."""
    before = _noted()
    draws = random.getstate(), np.random.get_state()
    for switch, value in _NORMAL:
        if switch.read() != value:
            switch.write(value)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            yield
    finally:
        _put_back(before)
        random.setstate(draws[0])
        np.random.set_state(draws[1])

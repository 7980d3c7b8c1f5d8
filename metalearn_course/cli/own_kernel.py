"""Run a learner's notebook cell by cell, whatever a cell does: loop, print for ever, eat the memory, end the kernel."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any, cast

from metalearn_course._common.environment import CourseError, kernel_environment
from metalearn_course.authoring.running import plain

SECONDS = 120.0  # for one cell
PRINTED = 5_000_000  # characters, by one cell
GIGABYTES = 4.0  # or six tenths of what is free, where that is less
TRIES = 4  # how often a notebook is begun anew without the cell that ended its kernel
_PATIENCE = 5.0  # seconds from an interrupt until a kernel is ended


@dataclass(frozen=True)
class Limits:
    """What one cell may take."""

    seconds: float = SECONDS
    printed: int = PRINTED
    gigabytes: float = GIGABYTES


@dataclass
class Ran:
    """What cells did, by their index: `errors` were raised, `stopped` took too much, `ended` took the kernel along.

    checks: what each check said last, by the name of its exercise.
    """

    errors: dict[int, str] = field(default_factory=dict)
    stopped: dict[int, str] = field(default_factory=dict)
    ended: dict[int, str] = field(default_factory=dict)
    checks: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def troubles(self) -> dict[int, str]:
        """All of it, in the order of the cells."""
        return dict(sorted((self.errors | self.stopped | self.ended).items()))


class _Ended(Exception):
    """The kernel is no more, or had to be killed; the words say why."""


def run_cells(folder: Path, code: Mapping[int, str], limits: Limits | None = None) -> Ran:
    """Run code cells, given by their index, in a fresh kernel that works in `folder`.

    Where a cell ends the kernel, all begins anew without it and those that took too long, so that the others are run.
    """
    ran = Ran()
    for _ in range(TRIES):
        left = {index: text for index, text in code.items() if index not in ran.ended | ran.stopped}
        before = len(ran.ended)
        _run_once(folder, left, limits or Limits(), ran)
        if len(ran.ended) == before:
            break
    return ran


def _run_once(folder: Path, code: Mapping[int, str], limits: Limits, ran: Ran) -> None:
    ran.errors.clear()
    with tempfile.TemporaryDirectory(prefix="metalearn-", ignore_cleanup_errors=True) as scratch:
        lines = Path(scratch) / "checks.jsonl"
        kernel = _Kernel(folder, kernel_environment(METALEARN_CHECKS=str(lines)), limits)
        try:
            for index, text in code.items():
                try:
                    kernel.run(index, text, ran)
                except _Ended as end:
                    ran.ended[index] = str(end)
                    break
        finally:
            kernel.close()
            ran.checks.update({line["check"]: line for line in _whole_lines(lines) if "check" in line})


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a file whose last line may be half, or of none."""
    found = []
    for line in path.read_bytes().splitlines() if path.exists() else []:
        with suppress(ValueError):
            found.append(json.loads(line))
    return [line for line in found if isinstance(line, dict)]


class _Kernel:
    def __init__(self, folder: Path, environment: dict[str, str], limits: Limits) -> None:
        from ipykernel.kernelspec import get_kernel_dict
        from jupyter_client.kernelspec import KernelSpec
        from jupyter_client.manager import KernelManager

        self.limits = limits
        self.manager = KernelManager()
        self.manager._kernel_spec = KernelSpec(**get_kernel_dict())  # this Python, whatever "python3" is elsewhere
        self.manager.start_kernel(env=environment, cwd=str(folder), stderr=subprocess.DEVNULL)
        self.client = self.manager.client()
        self.client.start_channels()
        try:
            self.client.wait_for_ready(timeout=300)
        except RuntimeError as error:
            self.close()
            raise CourseError(f"No kernel could be started ({error}): `metalearn doctor` says what is wrong.") from None
        import psutil  # ipykernel brings it

        self.process = psutil.Process(cast(Any, self.manager.provisioner).pid)
        self.bytes = min(limits.gigabytes * 2**30, 0.6 * psutil.virtual_memory().available)

    def close(self) -> None:
        self.client.stop_channels()
        with suppress(Exception):  # whatever state its kernel is in
            self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()

    def run(self, index: int, text: str, ran: Ran) -> None:
        """Run one cell, note what went wrong, and raise _Ended where the kernel goes with it."""
        asked = self.client.execute(text, allow_stdin=False, stop_on_error=False)
        deadline, printed, why = time.monotonic() + self.limits.seconds, 0, None
        while True:
            message = self._message(asked)
            kind, content = (message["msg_type"], message["content"]) if message else ("", {})
            if kind == "status" and content["execution_state"] == "idle":
                break
            if kind == "error" and why is None:
                ran.errors[index] = f"{content['ename']}: {plain(content['evalue']).strip()[:300]}"
            printed += len(content.get("text", "")) if kind == "stream" else 0
            if why is None and (why := self._too_much(deadline, printed)):
                ran.stopped[index] = why
                self.manager.interrupt_kernel()
                deadline = time.monotonic() + _PATIENCE
            elif why is not None and time.monotonic() > deadline:
                raise _Ended(f"{why}, and could not be interrupted")
        if self._asked_to_exit(asked):
            raise _Ended("ended its kernel (`exit` or `quit`)")

    def _message(self, asked: str) -> dict[str, Any] | None:
        """The next message about a cell; None where there is none for a moment."""
        try:
            message = self.client.get_iopub_msg(timeout=0.1)
        except Empty:
            if not self.manager.is_alive():
                raise _Ended("ended its kernel") from None
            message = None
        self._expect_little_memory()
        return message if message and message["parent_header"].get("msg_id") == asked else None

    def _expect_little_memory(self) -> None:
        import psutil

        with suppress(psutil.Error):
            used = self.process.memory_info().rss
            if used > self.bytes:
                self.process.kill()
                raise _Ended(f"took {used / 2**30:.1f} GB of memory and was stopped")

    def _too_much(self, deadline: float, printed: int) -> str | None:
        if time.monotonic() > deadline:
            return f"was still running after {self.limits.seconds:g} s"
        if printed > self.limits.printed:
            return f"printed more than {self.limits.printed:,} characters"
        return None

    def _asked_to_exit(self, asked: str) -> bool:
        while True:
            try:
                reply = self.client.get_shell_msg(timeout=5)
            except Empty:
                return not self.manager.is_alive()
            if reply["parent_header"].get("msg_id") == asked:
                return any(part.get("source") == "ask_exit" for part in reply["content"].get("payload", []))

"""Hand the learner their copy of the exercises, and open JupyterLab."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

from metalearn_course._common.environment import CourseError, home, kernel_environment, repository
from metalearn_course._common.files import cannot_write, write_aside

FIRST = "notebooks/00_start_here.ipynb"


class Copied(NamedTuple):
    """`new`: exercises that the learner did not have; `repaired`: those that a stopped copy had left cut short."""

    new: list[Path]
    repaired: list[Path]


def copy_exercises() -> Copied:
    """Copy the exercises that the learner's folder does not have yet. A file with work of theirs is never touched."""
    copied = Copied([], [])
    for path in sorted((repository() / "exercises").glob("*.ipynb")):
        target, content = home() / path.name, path.read_bytes()
        cut = is_cut(target, content)
        if os.path.lexists(target) and not cut:
            continue
        try:
            write_aside(target, content, overwrite=cut)
        except FileExistsError:  # it came meanwhile
            continue
        except OSError as error:
            advice = "set METALEARN_HOME to a folder that can"
            raise CourseError(cannot_write(target, error, advice)) from None
        (copied.repaired if cut else copied.new).append(target)
    return copied


def is_cut(path: Path, content: bytes) -> bool:
    """Whether the file at `path` is the beginning of `content` and no more: no notebook, and nobody's work."""
    try:
        there = path.read_bytes()
    except OSError:
        return False
    return len(there) < len(content) and content.startswith(there)


def lab_command(root: Path, browser: bool, port: int | None) -> list[str]:
    """The command that serves the course at `root` and opens at its first lesson."""
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root}"]
    if (root / FIRST).exists():
        command.append(f"--LabApp.default_url=/lab/tree/{FIRST}")
    if not browser:
        command.append("--no-browser")
    return command if port is None else [*command, f"--port={port}"]


def open_lab(browser: bool, port: int | None, more: list[str]) -> int:
    """Run JupyterLab at the course until it is closed; returns its exit status."""
    if find_spec("jupyterlab") is None:
        raise CourseError("JupyterLab is not installed: run `pip install -c constraints.txt jupyterlab`.")
    root = repository()
    try:
        command = [*lab_command(root, browser, port), *more]
        return subprocess.run(command, env=kernel_environment(), cwd=root, check=False).returncode
    except KeyboardInterrupt:
        return 0


def try_lab(more: list[str], seconds: float = 120) -> str:
    """Open JupyterLab without a browser, wait until the first lesson can be had from it, and close it again."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    root, token = repository(), secrets.token_hex(16)
    command = [*lab_command(root, False, port), f"--IdentityProvider.token={token}", *more]
    messages = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (closed below)
    server = subprocess.Popen(command, env=kernel_environment(), cwd=root, stdout=messages, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and server.poll() is None:
            try:
                with urlopen(f"http://127.0.0.1:{port}/api/contents/{FIRST}?token={token}", timeout=5) as answer:
                    if answer.status == 200:
                        return f"JupyterLab opens at {FIRST}"
            except OSError:
                time.sleep(0.3)
    finally:
        stopped = server.poll() is not None
        server.terminate()
        server.wait(timeout=30)
        messages.seek(0)
        last = messages.read().strip().rpartition("\n")[2]
        messages.close()
    if stopped:
        raise CourseError(f"JupyterLab stopped at once: {last} (`metalearn lab` passes further options on to it.)")
    raise CourseError(
        f"JupyterLab did not serve {FIRST} within {seconds:.0f} s; run `metalearn lab` to see its messages."
    )

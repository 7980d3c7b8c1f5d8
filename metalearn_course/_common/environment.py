"""Where the course and the learner's folder are, and the environment that kernels and subprocesses get."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

THREADS = min(2, os.cpu_count() or 1)  # small nets gain nothing from more, and two kernels must not fight


class CourseError(Exception):
    """A one-line error: what was found, what was expected, what to do."""


def repository() -> Path:
    """The clone's top folder."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "notebooks").is_dir():
        raise CourseError(
            "The lessons are not installed with the package: clone the repository and run `metalearn lab` in the clone."
        )
    return root


def home() -> Path:
    """The learner's folder: `METALEARN_HOME`, or my_exercises/ in the clone. It need not exist yet."""
    if os.environ.get("METALEARN_HOME"):
        return Path(os.environ["METALEARN_HOME"]).expanduser().absolute()
    try:
        return repository() / "my_exercises"
    except CourseError:
        return Path.home() / "metalearn_exercises"


def kernel_environment(**changes: str) -> dict[str, str]:
    """The environment of every kernel and subprocess that the course starts.

    OMP_WAIT_POLICY=PASSIVE: two torch processes whose idle threads spin can run a hundred times slower.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "NBGRADER_"))}
    for name in ("METALEARN_DATA", "METALEARN_CACHE", "METALEARN_HOME"):
        if inherited.get(name):  # a kernel works in its notebook's folder, where a relative path means another place
            inherited[name] = str(Path(inherited[name]).expanduser().absolute())
    threads = os.environ.get("OMP_NUM_THREADS", str(THREADS))
    return inherited | {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": threads, "PYTHONUTF8": "1"} | changes


def calm_threads(threads: int | None = None) -> None:
    """Set the same variables in this process; of use only before torch is imported."""
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    for name in ("OMP_WAIT_POLICY", "OMP_NUM_THREADS"):
        os.environ[name] = kernel_environment()[name]


def utf8_output() -> None:
    """Let check marks survive a pipe whose encoding is cp1252, and every line pass through it at once."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)

"""Is this machine ready? One line for each thing that has gone wrong on someone's machine before."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from metalearn_course._common.console import say
from metalearn_course._common.environment import CourseError, home, repository

PYTHONS = ((3, 11), (3, 13))
WATCHED = ("torch", "jupyterlab", "anywidget", "ipywidgets", "matplotlib", "nbval")


class Finding(NamedTuple):
    """One line: `mark` is ✓ for well, ! for worth knowing, ✗ for what will not work."""

    mark: str
    text: str


def doctor() -> None:
    """Print what was found."""
    report()


def report() -> bool:
    """Print what was found; whether the course can run here."""
    well = True
    for finding in examine():
        say(f"{finding.mark} {finding.text}")
        well = well and finding.mark != "✗"
    return well


def examine() -> Iterator[Finding]:
    """What there is to say of this machine: Python, packages, threads, data, folders, fonts."""
    for question in (_python, _packages, _threads, _data, _folders, _fonts):
        try:
            yield from question()
        except Exception as error:  # a doctor has to live with every illness
            yield Finding(
                "✗", f"{question.__name__.strip('_')}: {type(error).__name__}: {' '.join(str(error).split())}"
            )


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        yield Finding("✓", f"Python {version}")
    else:
        yield Finding("✗", f"Python {version}: the course was tested with 3.11 to 3.13. Install one of these.")


def _packages() -> Iterator[Finding]:
    tested = tested_versions()
    for name in WATCHED:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding("✗", f"{name} is missing: run `pip install -c constraints.txt -e .` in the clone.")
            continue
        wanted = tested.get(name, version)
        if version.partition("+")[0] == wanted:
            yield Finding("✓", f"{name} {version}")
        else:
            yield Finding(
                "!", f"{name} {version}; tested with {wanted}: `pip install {name}=={wanted}` if it misbehaves."
            )


def tested_versions() -> dict[str, str]:
    """The pins of constraints.txt; none where the package is used without its clone."""
    try:
        text = (repository() / "constraints.txt").read_text(encoding="utf-8")
    except (CourseError, FileNotFoundError):
        return {}
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE))


def _threads() -> Iterator[Finding]:
    import torch

    yield Finding("✓", f"{torch.get_num_threads()} torch threads on {os.cpu_count()} processors")
    policy = os.environ.get("OMP_WAIT_POLICY", "")
    if policy.upper() == "PASSIVE":
        yield Finding("✓", "OMP_WAIT_POLICY=PASSIVE: two notebooks can run side by side")
    else:
        yield Finding(
            "!",
            "OMP_WAIT_POLICY is not PASSIVE here: a second notebook can slow both a hundredfold. `metalearn lab` sets "
            "it; in another JupyterLab, set it before you start.",
        )


def _data() -> Iterator[Finding]:
    from metalearn_course.tasks import characters

    before = os.environ.get("METALEARN_OFFLINE")
    os.environ["METALEARN_OFFLINE"] = "1"  # to look is enough; the lessons download
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            found = characters()
        wish = (
            "" if found.source == "omniglot" else ". The lessons try to download Omniglot; METALEARN_DATA points to it"
        )
        yield Finding("✓", f"data: {found}{wish}")
    finally:
        if before is None:
            del os.environ["METALEARN_OFFLINE"]
        else:
            os.environ["METALEARN_OFFLINE"] = before


def _folders() -> Iterator[Finding]:
    from metalearn_course.tasks.omniglot import cache_folder

    places: dict[str, tuple[Callable[[], Path], str]] = {
        "cache": (cache_folder, "METALEARN_CACHE"),
        "your exercises": (home, "METALEARN_HOME"),
    }
    for label, (place, variable) in places.items():
        folder = place()
        try:
            there = next(parent for parent in (folder, *folder.parents) if parent.exists())
            with tempfile.TemporaryFile(dir=there):
                yield Finding("✓", f"{label}: {folder}")
        except OSError as error:
            problem = error.strerror or error
            yield Finding("✗", f"{label}: {folder} cannot be written ({problem}): set {variable} to a folder that can.")


def _fonts() -> Iterator[Finding]:
    from matplotlib import font_manager

    try:
        font_manager.findfont("DejaVu Sans", fallback_to_default=False)
        yield Finding("✓", "font: DejaVu Sans")
    except ValueError:
        yield Finding(
            "!", "font: DejaVu Sans is missing: reinstall matplotlib, which ships it, or symbols show as boxes."
        )

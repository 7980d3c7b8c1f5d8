"""Which lessons the working tree touches, compared with a revision."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from metalearn_course._common.environment import CourseError, repository

_NOTEBOOK = re.compile(r"(?:notebooks|solutions|exercises)/(\d\d)_[^/]*\.ipynb")
_OF_A_LESSON = re.compile(r"(?:metalearn_course|tests/answers)/(?:.*/)?lesson_(\d\d)(?:[./].*)?")
_OF_ALL = ("metalearn_course/", "notebooks/", "solutions/", "exercises/", "tests/answers/")


class Touched(NamedTuple):
    """The lessons that were touched, in order, and a line that says why."""

    lessons: list[str]
    why: str


def touched(known: list[str], since: str | None = None, root: Path | None = None) -> Touched:
    """Which of the `known` lessons differ from the revision `since` (HEAD without one), untracked files included."""
    root = root or repository()
    return sort_out(changed_files(since or "HEAD", root), known, since or "HEAD")


def changed_files(since: str, root: Path) -> list[str]:
    """Every file under `root` that differs from the revision `since`, or that git does not know and does not ignore."""
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{since}^{{commit}}")
    if commit is None:
        raise CourseError(
            f"git knows no revision {since!r} in {root}: give a commit, a branch or a tag; without --changed and "
            "--since, every lesson is proved."
        )
    differing = _git(root, "diff", "--name-only", "--no-renames", "--relative", "-z", commit.strip(), "--")
    unknown = _git(root, "ls-files", "--others", "--exclude-standard", "-z")
    return sorted({name for names in (differing, unknown) for name in (names or "").split("\0") if name})


def sort_out(files: Iterable[str], known: list[str], since: str) -> Touched:
    """The lessons that `files` belong to; a file of the package that belongs to no lesson touches all."""
    of_lesson: dict[str, list[str]] = {}
    of_all = []
    for name in files:
        if found := _NOTEBOOK.fullmatch(name) or _OF_A_LESSON.fullmatch(name):
            of_lesson.setdefault(found[1], []).append(name)
        elif name.startswith(_OF_ALL):
            of_all.append(name)
    if of_all:
        return Touched(known, f"since {since}, all lessons are touched: {_some(of_all)}")
    chosen = [lesson for lesson in known if lesson in of_lesson]
    if not chosen:
        return Touched([], f"since {since}, no lesson is touched")
    return Touched(
        chosen, f"since {since}: " + "; ".join(f"{lesson} ({_some(of_lesson[lesson])})" for lesson in chosen)
    )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more


def _git(root: Path, *arguments: str) -> str | None:
    """What git prints; None where it fails."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise CourseError("What changed is asked of git, which is not installed here: name a lesson instead.") from None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None

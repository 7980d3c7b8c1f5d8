"""What `metalearn check` does: run the learner's own notebooks and say which exercises are solved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from metalearn_course._common.environment import CourseError, home, kernel_environment
from metalearn_course._common.notebooks import lesson_of
from metalearn_course.authoring.running import under_nbclient
from metalearn_course.classroom.register import exercises_of


@dataclass
class Row:
    """One exercise in the learner's notebook: what its check said there."""

    lesson: str
    name: str
    status: str
    line: str


def check_notebooks(lesson: str | None) -> Iterator[Row]:
    """Run the notebooks of the learner's folder, of one lesson or of all, cell after cell whatever fails.

    The rows of a notebook come as soon as it has run.
    """
    folder = home()
    paths = sorted(folder.glob(f"{lesson or '[0-9][0-9]'}_*.ipynb"))
    if not paths:
        which = f"lesson {lesson}" if lesson else "any lesson"
        raise CourseError(f"{folder} has no exercises of {which}: run `metalearn start` to get them.")
    return (row for path in paths for row in _check_one(path))


def _check_one(path: Path) -> list[Row]:
    lesson = lesson_of(path)
    run = under_nbclient(path, environment=kernel_environment())
    said = {line["check"]: line for line in run.checks if "check" in line}
    rows = []
    for found in exercises_of(lesson):
        line = said.get(found.name, {"status": "not_yet", "line": "its check did not run"})
        rows.append(Row(lesson, found.name, line["status"], line["line"]))
    return rows

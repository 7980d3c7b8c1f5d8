"""Which lessons and notebooks there must be, derived from the register of exercises and from one folder for another."""

from __future__ import annotations

from pathlib import Path

from metalearn_course._common.environment import CourseError
from metalearn_course._common.notebooks import find_notebooks, lesson_of
from metalearn_course.classroom.register import all_exercises, exercises_of

FOLDERS = ("notebooks", "solutions", "exercises")


def known_lessons(root: Path | None = None) -> list[str]:
    """Every lesson that there must be: those with exercises in the register, and those that any folder has."""
    found = {one.lesson for one in all_exercises().values()}
    return sorted(found | {lesson_of(path) for folder in FOLDERS for path in find_notebooks(folder, root=root)})


def missing(lesson: str, root: Path | None = None) -> list[str]:
    """The notebooks that a lesson lacks, a line for each, with what to do that loses nothing.

    A lesson without exercises, known by its page alone, needs no more than that page.
    """
    there = {folder: find_notebooks(folder, lesson, root) for folder in FOLDERS}
    names = [path.name for found in there.values() for path in found] or [f"{lesson}_*.ipynb"]
    practiced = exercises_of(lesson) or there["solutions"] or there["exercises"]
    lines = []
    for folder in FOLDERS if practiced else FOLDERS[:1]:
        here = f"{folder}/{names[0]}"
        if len(there[folder]) > 1:
            several = ", ".join(path.name for path in there[folder])
            lines.append(f"{folder}/ has {len(there[folder])} notebooks of lesson {lesson}, expected one: {several}.")
        elif not there[folder]:
            made = ", and `metalearn dev build` makes it" if folder == "exercises" and there["solutions"] else ""
            quoted = f'"{here}"' if "*" in here else here
            back = f"`git restore {quoted}` brings it back{made} (`git status` shows what else is gone)"
            lines.append(f"{here} is missing: {back}.")
    return lines


def lessons_called(lesson: str | None) -> list[str]:
    """All lessons, or the one that was asked for."""
    known = known_lessons()
    if lesson is not None and lesson not in known:
        raise CourseError(f"There is no lesson {lesson}: there are {', '.join(known)}.")
    return known if lesson is None else [lesson]

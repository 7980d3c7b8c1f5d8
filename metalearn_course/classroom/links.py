"""Links from one notebook of the course to the others, as they work in JupyterLab and on a site of the same files.

Lessons, exercises and a learner's copies of them are each one folder below the clone's top, so that a link from any of
them begins with "../". Nothing here imports torch.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from urllib.parse import quote

from metalearn_course._common.console import say, show
from metalearn_course._common.environment import CourseError, home, repository
from metalearn_course._common.notebooks import find_notebooks, lesson_of, read, source, two_digits

SYMBOLS = "docs/symbols.md"


def where_next(lesson: str) -> None:
    """Show where to go from the end of a lesson: its exercises, the next lesson, and the table of symbols.

    The exercises are the learner's own copy in `my_exercises/` (or `METALEARN_HOME`) where there is one, else the
    original. In a notebook these are links; elsewhere they are printed as paths from the clone's top folder.

    Args:
        lesson: the number of the lesson, as in "02".

    Raises:
        CourseError: in one line, if there is no such lesson.
    """
    number = two_digits(lesson)
    lessons = _pages()
    if not lessons:
        say("The lessons are not installed with the package: there is nothing to link to.")
        return
    if number not in lessons:
        raise CourseError(f"There is no lesson {lesson!r}: there are {', '.join(lessons)}.")
    places = {}
    if own := _exercises(number):
        about = "your copy" if own.parent == home() else "`metalearn start` makes you a copy of your own"
        places["The exercises of this lesson"] = (own, about)
    for path in [page for other, page in lessons.items() if other > number][:1]:
        places["The next lesson"] = (path, heading(path))
    places["All symbols"] = (repository() / SYMBOLS, "with what papers call them")
    rows = [f"<li>{what}: {_link(path)} ({_with_code(about)})</li>" for what, (path, about) in places.items()]
    text = [f"{what}: {_shown(path)} ({about})" for what, (path, about) in places.items()]
    show(f"<ul>{''.join(rows)}</ul>", "\n".join(text))


def to_lesson(lesson: str) -> str:
    """A link to a lesson under its number and heading; its number alone where the lessons are not there."""
    path = _pages().get(lesson)
    return _link(path, f"{lesson} {heading(path)}") if path else lesson


def to_exercises(lesson: str, name: str) -> str:
    """A link called `name` to a lesson's exercises, the learner's copy first; `name` alone where there are none."""
    path = _exercises(lesson) if _pages() else None
    return _link(path, name) if path else escape(name)


def heading(path: Path) -> str:
    """What a notebook's first line says."""
    return source(read(path)["cells"][0]).partition("\n")[0].lstrip("# ")


def _pages() -> dict[str, Path]:
    """The lessons by number; none where the package is installed without them."""
    try:
        return {lesson_of(path): path for path in find_notebooks("notebooks")}
    except CourseError:
        return {}


def _exercises(lesson: str) -> Path | None:
    """The learner's copy of a lesson's exercises, else the original; None for a lesson without exercises."""
    for original in find_notebooks("exercises", lesson):
        copy = home() / original.name
        return copy if copy.is_file() else original
    return None


def _link(path: Path, name: str | None = None) -> str:
    """HTML that leads to a file of the clone; a file elsewhere is out of JupyterLab's reach and is only named."""
    label = escape(name or _shown(path))
    if not path.is_relative_to(repository()):
        return label
    return f'<a href="../{quote(_shown(path))}">{label}</a>'


def _shown(path: Path) -> str:
    """A file's path from the clone's top folder, or the whole of it where it lies elsewhere."""
    return path.relative_to(repository()).as_posix() if path.is_relative_to(repository()) else str(path)


def _with_code(text: str) -> str:
    """Escaped, with what stands between backticks as code."""
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(escape(text).split("`")))

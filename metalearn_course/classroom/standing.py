"""Where a learner stands: every exercise of the course with its mark."""

from __future__ import annotations

from html import escape
from typing import Any

from metalearn_course._common.console import show
from metalearn_course.classroom import links, records
from metalearn_course.classroom.exercise import Exercise
from metalearn_course.classroom.register import all_exercises, exercises_of


def progress() -> None:
    """Show every exercise with its mark: ✓ solved, ✗ tried, … not yet.

    In a notebook it is a table with a row a lesson, and links to the lesson and to its exercises; elsewhere it is text.
    """
    done = records.load()
    text, rows, solved = [], [], 0
    for lesson in dict.fromkeys(found.lesson for found in all_exercises().values()):
        marked = [(found, done.get(found.name, {})) for found in exercises_of(lesson)]
        text += [f"Lesson {lesson}"]
        text += [f"  {mark(record)} {found.name}: {_told(found, record)}" for found, record in marked]
        rows.append(_row(lesson, marked))
        solved += _solved(marked)
    total = f"{solved} of {len(all_exercises())} solved"
    head = "".join(f'<th scope="col"{_LEFT}>{name}</th>' for name in ("lesson", "exercises", "each of them"))
    html = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table><p><b>{total}</b></p>"
    show(html, "\n".join([*text, total]))


def mark(record: dict[str, Any]) -> str:
    """✓ where a record says solved, ✗ where the last try was wrong, … otherwise."""
    return "✓" if record.get("solved") else "✗" if record.get("status") == "wrong" else "…"


_LEFT = ' style="text-align: left; vertical-align: top"'


def _row(lesson: str, marked: list[tuple[Exercise, dict[str, Any]]]) -> str:
    counted = f"{_solved(marked)} of {len(marked)} solved"
    lines = "<br>".join(
        f"{mark(record)} <code>{found.name}</code>: {escape(_told(found, record))}" for found, record in marked
    )
    page, own = links.to_lesson(lesson), links.to_exercises(lesson, counted)
    return f'<tr><th scope="row"{_LEFT}>{page}</th><td{_LEFT}>{own}</td><td{_LEFT}>{lines}</td></tr>'


def _told(found: Exercise, record: dict[str, Any]) -> str:
    hints = f" ({record['hints']} of {len(found.hints)} hints)" if record.get("hints") else ""
    return f"{found.title}{' ★' if found.stretch else ''}{hints}"


def _solved(marked: list[tuple[Exercise, dict[str, Any]]]) -> int:
    return sum(bool(record.get("solved")) for _, record in marked)

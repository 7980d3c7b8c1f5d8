"""The ideas that the course must teach, and the lessons that teach them; cells carry the tag `idea:ID`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from metalearn_course._common import notebooks


class Idea(NamedTuple):
    """What the course must teach, in words, and the lessons that do."""

    title: str
    lessons: tuple[str, ...]


IDEAS = {
    "why": Idea("adapting from a few examples", ("00", "02")),
    "relatives": Idea("reinforcement, transfer and active learning beside meta-learning", ("00", "02", "10")),
    "two-views": Idea("one model for many tasks; a learner with a meta-learner", ("00", "03", "06")),
    "simple-view": Idea("formula 1: a whole dataset is one sample", ("02",)),
    "few-shot": Idea("a task is a support and a prediction set; K shots, N ways", ("03",)),
    "objective": Idea("formula 2: what supervised training maximizes", ("03",)),
    "four-steps": Idea("training imitates the test, in four steps", ("03",)),
    "meta-objective": Idea("formula 3: formula 2 with its additions in red", ("03",)),
    "fine-tuning": Idea("the reference point: hope that fine-tuning is fast", ("02", "03")),
    "learner-meta": Idea("an update of the learner that is itself learned", ("06",)),
    "training-picture": Idea("model, loss and optimizer as a cycle", ("01",)),
    "meta-picture": Idea("whole training runs inside one meta-training step", ("06",)),
    "meta-gradient": Idea("the gradient reaches the start, the optimizer, or both", ("06", "07", "08")),
    "approaches": Idea("comparing, reading, stepping", ("04", "05", "07", "08")),
    "by-hand": Idea("a learned optimizer built by hand", ("06", "08")),
}


class Coverage(NamedTuple):
    """`taught`: ids tagged wherever they belong; `open`: id and lessons still to come; `problems`: lines."""

    taught: list[str]
    open: dict[str, list[str]]
    problems: list[str]


def coverage(paths: Iterable[Path]) -> Coverage:
    """Which ideas the lesson notebooks at `paths` teach. A lesson that exists must tag every idea of its own."""
    tagged = {path: _tagged(path) for path in paths}
    lessons = {notebooks.lesson_of(path): ideas for path, ideas in tagged.items()}
    wrong = [
        f"notebooks/{path.name}: the tag idea:{name} is not known; ideas.py lists {', '.join(IDEAS)}."
        for path, ideas in tagged.items()
        for name in sorted(ideas - IDEAS.keys())
    ]
    still: dict[str, list[str]] = {}
    for name, idea in IDEAS.items():
        for lesson in idea.lessons:
            if lesson not in lessons:
                still.setdefault(name, []).append(lesson)
            elif name not in lessons[lesson]:
                wrong.append(f"lesson {lesson} has no cell tagged idea:{name} ({idea.title}).")
    return Coverage([name for name in IDEAS if name not in still], still, wrong)


def _tagged(path: Path) -> set[str]:
    cells = notebooks.read(path)["cells"]
    return {tag.removeprefix("idea:") for cell in cells for tag in notebooks.tags(cell) if tag.startswith("idea:")}

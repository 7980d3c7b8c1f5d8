"""Exercises, and how a learner's function is judged. Nothing here imports torch before a function is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from metalearn_course.classroom.mistakes import Mistake, NotYet

Status = Literal["solved", "wrong", "not_yet"]
Check = Callable[[Any], "str | None"]


@dataclass(frozen=True)
class Verdict:
    """What a check says: `mistake` and `seen_as` are its names when `status` is "wrong" (see Mistake)."""

    status: Status
    message: str
    mistake: str | None = None
    seen_as: str | None = None

    @property
    def mark(self) -> str:
        """✓, ✗ or …: the status as a character."""
        return {"solved": "✓", "wrong": "✗", "not_yet": "…"}[self.status]


@dataclass(frozen=True)
class Texts:
    """What one exercise says: a text a mistake ("NAME" or "NAME/WHICH"), and words that these texts have in common."""

    praise: str
    mistakes: dict[str, str]
    words: dict[str, str]


@dataclass(frozen=True)
class Declared:
    """The check that stands in checks/lesson_NN/NAME.py as CHECK; its first call imports that file, and torch."""

    lesson: str
    name: str
    texts: Texts

    def __call__(self, answer: Any) -> str:
        """Check a guarded answer: the praise, or a Mistake or NotYet that is raised."""
        file = import_module(f"metalearn_course.classroom.checks.lesson_{self.lesson}.{self.name}")
        return file.CHECK(answer, self.texts)


@dataclass(frozen=True)
class Exercise:
    """One exercise: its place and size, its hints, its named misconceptions, and the check itself."""

    name: str
    lesson: str
    number: int
    title: str
    minutes: int
    difficulty: int
    stretch: bool
    mistakes: tuple[str, ...]
    hints: tuple[str, ...]
    seconds: float
    check: Check

    @property
    def heading(self) -> str:
        """The first line of the exercise's markdown cell, so that the page and the register cannot drift apart."""
        dots = "●" * self.difficulty + "○" * (3 - self.difficulty)
        star = "★ " if self.stretch else ""
        return f"**Exercise {int(self.lesson)}.{self.number}: {self.title}** · {star}{self.minutes} minutes · {dots}"

    def judge(self, function: Any, seconds: float | None = None) -> Verdict:
        """Check a learner's function. Whatever it does, a verdict comes back."""
        import torch

        from metalearn_course.classroom.answer import Answer
        from metalearn_course.classroom.surroundings import of_a_check
        from metalearn_course.classroom.values import show

        if not callable(function):
            return Verdict("wrong", f"`{self.name}` is {show(function)}; expected a function.", "wrong_type")
        torch.func.grad(torch.sin)(torch.zeros(()))  # loads what it needs now, and not while the answer's time runs
        with of_a_check():
            answer = Answer(function, seconds or self.seconds, self.name)
            try:
                praise = self.check(answer)
            except NotYet as stub:
                if stub.function in (self.name, getattr(function, "__name__", "")):
                    text = f"not yet: write `{self.name}` in the cell above, run it, and run this again."
                else:
                    text = f"not yet: `{self.name}` calls `{stub.function}`, which is still to be written."
                return Verdict("not_yet", text)
            except Mistake as mistake:
                return Verdict("wrong", mistake.message, mistake.name, mistake.seen_as)
            except Exception as error:
                seen = answer.unusable(error)
                return Verdict("wrong", seen.message, seen.name, seen.seen_as)
        return Verdict("solved", praise or "right.")

"""Prove the whole course. Each function proves one thing; the command line and the tests call the same ones."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from metalearn_course._common import notebooks
from metalearn_course._common.environment import CourseError, repository
from metalearn_course._common.notebooks import find_notebooks, lesson_of
from metalearn_course.authoring import ablation, budget, build, ideas, proofs
from metalearn_course.authoring import page_rules as guards
from metalearn_course.authoring.running import Run, measured_with, under_nbval
from metalearn_course.classroom.register import exercises_of


@dataclass
class Outcome:
    """What was proved: one line, and a line for each problem."""

    what: str
    said: str = ""
    problems: list[str] = field(default_factory=list)


@functools.cache
def slowness() -> float:
    return budget.slowness()


def validate_build(root: Path | None = None) -> Outcome:
    """exercises/ is what solutions/ makes."""
    try:
        wrong = build.differences(root)
    except CourseError as error:
        return Outcome("build", problems=str(error).splitlines())
    said = "exercises/ is not what solutions/ makes" if wrong else "exercises/ is what solutions/ makes"
    return Outcome("build", said, [f"{line}: run `metalearn build`." for line in wrong])


def validate_lesson(path: Path) -> Outcome:
    """A stored lesson is complete, runs, prints what it printed, claims what it claimed, within its time."""
    wrong = guards.lesson_problems(path)
    run = under_nbval(path)
    said, slow = _seconds(path, run)
    learned = sum(1 for line in run.claims if line["learned"])
    said += f", {len(run.claims)} claims ({learned} about learning)"
    return Outcome(f"notebooks/{path.name}", said, wrong + run.errors + slow)


def validate_exercises(lesson: str, root: Path | None = None) -> Outcome:
    """Every exercise of a lesson keeps its promises: unsolved, solved, answered right and wrong, broken."""
    root = root or repository()
    register = exercises_of(lesson)
    what = f"exercises {lesson}"
    paths = {folder: find_notebooks(folder, lesson, root) for folder in ("solutions", "exercises")}
    for folder, found in paths.items():
        if len(found) != 1:
            return Outcome(what, problems=[f"{folder}/ has {len(found)} notebooks for lesson {lesson}; expected one."])
    [solution], [exercise] = paths.values()
    answers = proofs.answers_of(lesson, root)
    known = {one.name for one in register}
    wrong = [
        f"tests/answers: {one.exercise} is no exercise of lesson {lesson}."
        for one in answers
        if one.exercise not in known
    ]
    wrong += guards.code_problems(solution) + proofs.page_problems(solution, register)
    for one in register:
        wrong += proofs.exercise_problems(one, answers)
    wrong += proofs.unsolved_problems(exercise, register)
    run = under_nbval(solution)
    wrong += proofs.solved_problems(run, register)
    said, slow = _seconds(solution, run)
    right = sum(1 for one in answers if one.mistake is None)
    said = f"{len(register)} exercises, {right} right answers accepted, {len(answers) - right} wrong ones named; {said}"
    return Outcome(what, said, wrong + slow)


def validate_ideas(root: Path | None = None) -> Outcome:
    """Every idea that belongs to a lesson is taught there."""
    taught, still, wrong = ideas.coverage(find_notebooks("notebooks", root=root))
    said = f"{len(taught)} of {len(ideas.IDEAS)} taught in full"
    if still:
        said += "; open: " + ", ".join(f"{name} ({' '.join(lessons)})" for name, lessons in still.items())
    return Outcome("ideas", said, wrong)


def validate_ablation(path: Path) -> Outcome:
    """Without training, no claim about learning holds."""
    found = ablation.ablate(path)
    wrong = [f"{path.name}: {name!r} holds with zero training steps: it claims nothing." for name in found.held]
    wrong += [f"{path.name}: {name!r} was not reached: a cell before it failed untrained." for name in found.missed]
    said = f"{len(found.failed)} claims about learning fail, as they must"
    if found.errors:
        said += f" ({len(found.errors)} cells could not run without training)"
    return Outcome(f"notebooks/{path.name}, untrained", said, wrong)


def validate_machine() -> Outcome:
    """Which data was used, and how fast this machine is."""
    data = measured_with("from metalearn_course import characters; print(characters())")
    return Outcome("machine", f"data: {data}; {slowness():.2f} times the reference's time")


def outcomes(lesson: str | None = None, ablate: bool = False) -> Iterator[Outcome]:
    """Everything, in the order in which a failure is cheapest to learn of; with `ablate`, the ablation only."""
    lessons = find_notebooks("notebooks", lesson)
    solutions = find_notebooks("solutions", lesson)
    if lesson is not None and not lessons and not solutions:
        raise CourseError(
            f"There is no lesson {lesson}: notebooks/ has {', '.join(map(lesson_of, find_notebooks('notebooks')))}."
        )
    if ablate:
        yield from map(validate_ablation, lessons)
        return
    yield validate_build()
    yield validate_ideas()
    yield validate_machine()
    yield from map(validate_lesson, lessons)
    yield from (validate_exercises(lesson_of(path)) for path in solutions)


def _seconds(path: Path, run: Run) -> tuple[str, list[str]]:
    allowed = notebooks.budget(notebooks.read(path))
    ratio = budget.ratio(run.seconds, allowed, slowness())
    said = f"{run.seconds:.0f} s of {allowed:.0f}"
    if ratio > budget.REPORTED:
        said += f", over its budget: {ratio:.1f} times"
    too_slow = f"{path.parent.name}/{path.name}: {said}; above {budget.FAILING:g} times fails. Train less, or shorter."
    return said, [too_slow] if ratio > budget.FAILING else []

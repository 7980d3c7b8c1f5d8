"""Prove the whole course. Each function proves one thing; the command line and the tests call the same ones."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from pathlib import Path

from metalearn_course._common import notebooks
from metalearn_course._common.environment import CourseError
from metalearn_course._common.notebooks import find_notebooks, lesson_of
from metalearn_course.authoring import ablation, budget, build, ideas, marks, proofs
from metalearn_course.authoring import page_rules as guards
from metalearn_course.authoring.complete import FOLDERS, known_lessons, missing
from metalearn_course.authoring.running import Run, measured_with, under_nbval
from metalearn_course.authoring.schedule import Outcome, Proof
from metalearn_course.classroom.register import exercises_of

SECONDS_OF_AN_EXERCISE = 2.0  # to judge its written answers, on the reference machine


@functools.cache
def slowness(jobs: int = 1) -> float:
    """`budget.slowness`, measured once in a process."""
    return budget.slowness(jobs)


def validate_files(lessons: list[str] | None = None, root: Path | None = None) -> Outcome:
    """Every lesson has its page, and where it has exercises, their notebook and its solution."""
    lessons = known_lessons(root) if lessons is None else lessons
    wrong = [line for lesson in lessons for line in missing(lesson, root)]
    said = "notebooks are missing" if wrong else f"{len(lessons)} lessons are complete"
    return Outcome("files", said, wrong)


def validate_build(root: Path | None = None) -> Outcome:
    """exercises/ is what solutions/ makes."""
    try:
        wrong = build.differences(root)
    except CourseError as error:
        return Outcome("build", problems=str(error).splitlines())
    problems = [f"{line}: run `metalearn dev build`." for line in wrong] + build.without_solution(root)
    said = "exercises/ is not what solutions/ makes" if problems else "exercises/ is what solutions/ makes"
    return Outcome("build", said, problems)


def validate_pages(lesson: str, root: Path | None = None) -> Outcome:
    """What can be seen of a lesson's notebooks without running them."""
    register = exercises_of(lesson)
    lessons, solutions = (find_notebooks(folder, lesson, root) for folder in FOLDERS[:2])
    wrong = [line for path in lessons for line in guards.lesson_problems(path)]
    for path in solutions:
        wrong += guards.solution_problems(path) + proofs.page_problems(path, register)
    return Outcome(f"pages {lesson}", "" if wrong else "its notebooks are stored as they should be", wrong)


def validate_answers(lesson: str, root: Path | None = None) -> Outcome:
    """Every exercise of a lesson has its hints, accepts right answers, names wrong ones, and sees what is broken.

    No argument can be written in, and no number names two mistakes.
    """
    register = exercises_of(lesson)
    answers = proofs.answers_of(lesson, root)
    known = {one.name for one in register}
    strange = sorted({one.exercise for one in answers} - known)
    wrong = [f"tests/answers: {name} is no exercise of lesson {lesson}." for name in strange]
    for one in register:
        wrong += proofs.exercise_problems(one, answers) + marks.problems(one, answers)
    right = sum(1 for one in answers if one.mistake is None)
    arguments = sum(len(marks.arguments(one)) for one in register)
    said = f"{len(register)} exercises, {right} right answers accepted, {len(answers) - right} wrong ones named"
    said += f", {arguments} arguments that cannot be written in"
    return Outcome(f"answers {lesson}", "" if wrong else said, wrong)


def validate_lesson(path: Path, jobs: int = 1) -> Outcome:
    """A stored lesson runs, prints what it printed, claims what it claimed, within its time."""
    run = under_nbval(path)
    said, slow = _seconds(path, run, jobs)
    learned = sum(1 for line in run.claims if line["learned"])
    said += f", {len(run.claims)} claims ({learned} about learning)"
    return Outcome(f"notebooks/{path.name}", said, run.errors + slow)


def validate_exercises(lesson: str, root: Path | None = None, jobs: int = 1) -> Outcome:
    """The exercise notebook of a lesson is kind to a beginner, and its solution solves it, within its time."""
    what = f"exercises {lesson}"
    register = exercises_of(lesson)
    if wrong := missing(lesson, root):
        return Outcome(what, problems=wrong)
    [solution], [exercise] = (find_notebooks(folder, lesson, root) for folder in FOLDERS[1:])
    wrong = proofs.unsolved_problems(exercise, register)
    run = under_nbval(solution)
    wrong += proofs.solved_problems(run, register)
    said, slow = _seconds(solution, run, jobs)
    well = "" if wrong else f"{len(register)} exercises, not yet solved as shipped, all solved after; "
    return Outcome(what, well + said, wrong + slow)


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


def validate_machine(jobs: int = 1) -> Outcome:
    """Which data was used, and how fast this machine is, with as many notebooks at a time as there will be."""
    data = measured_with("from metalearn_course import characters; print(characters())")
    together = f" with {jobs} at a time" if jobs > 1 else ""
    return Outcome("machine", f"data: {data}; {slowness(jobs):.2f} times the reference's time{together}")


def by_cost(paths: Collection[Path]) -> list[Path]:
    """Notebooks, those with the smallest budget first."""
    return sorted(paths, key=lambda path: (notebooks.budget(notebooks.read(path)), path.name))


def planned(lessons: Collection[str], ablate: bool = False, jobs: int = 1) -> list[Proof]:
    """Every proof of these lessons and of the course as a whole; with `ablate`, the ablations only.

    The cheapest come first, so that a failure is known as early as it can be.
    """
    pages = by_cost([path for lesson in lessons for path in find_notebooks("notebooks", lesson)])
    if ablate:
        return [_running(f"notebooks/{path.name}, untrained", "ablation", path, validate_ablation) for path in pages]
    plan = seen_without_running(lessons)
    if not lessons:
        return plan
    plan.append(Proof("machine", "machine", 15.0, functools.partial(validate_machine, jobs)))
    for one in lessons:
        if register := exercises_of(one):
            seconds = SECONDS_OF_AN_EXERCISE * len(register)
            plan.append(Proof(f"answers {one}", "answers", seconds, functools.partial(validate_answers, one)))
    plan += [
        _running(f"notebooks/{path.name}", "lesson", path, functools.partial(validate_lesson, jobs=jobs))
        for path in pages
    ]
    return plan + [
        _running(f"exercises {lesson_of(path)}", "exercises", path, functools.partial(_exercises_of, jobs=jobs))
        for path in by_cost([path for one in lessons for path in find_notebooks("solutions", one)])
    ]


def seen_without_running(lessons: Collection[str]) -> list[Proof]:
    """What can be proved in a second or two.

    Nothing is missing, exercises are built, pages are stored as they should be, every idea is taught.
    """
    return [
        Proof("files", "course", 0.1, validate_files),
        Proof("build", "course", 0.3, validate_build),
        Proof("ideas", "course", 0.1, validate_ideas),
        *(Proof(f"pages {one}", "pages", 0.1, functools.partial(validate_pages, one)) for one in lessons),
    ]


def _running(what: str, kind: str, path: Path, prove: Callable[[Path], Outcome]) -> Proof:
    """A proof that runs the notebook at `path`; half of its budget is a fair guess."""
    seconds = notebooks.budget(notebooks.read(path)) / 2
    return Proof(what, kind, seconds, functools.partial(prove, path), alone=False)


def _exercises_of(path: Path, jobs: int) -> Outcome:
    return validate_exercises(lesson_of(path), jobs=jobs)


def _seconds(path: Path, run: Run, jobs: int) -> tuple[str, list[str]]:
    """What is said of a run's seconds, and what is wrong with them.

    A machine that others share is not always as fast as when its speed was measured. So the speed is measured again
    right after every run, and the mean of the two counts, whichever is the higher.
    """
    allowed = notebooks.budget(notebooks.read(path))
    speed = (slowness(jobs) + budget.slowness(jobs)) / 2
    ratio = budget.ratio(run.seconds, allowed, speed)
    said = f"{run.seconds:.0f} s of {allowed:.0f}"
    if ratio > budget.REPORTED:
        said += f", over its budget: {ratio:.1f} times"
    too_slow = f"{path.parent.name}/{path.name}: {said}; above {budget.FAILING:g} times fails. Train less, or shorter."
    return said, [too_slow] if ratio > budget.FAILING else []

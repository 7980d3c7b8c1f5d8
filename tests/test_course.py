"""The whole course, proved by the same functions that `metalearn validate` calls, in the same order."""

import pytest

from metalearn_course._common import notebooks
from metalearn_course._common.environment import CourseError
from metalearn_course._common.notebooks import find_notebooks, lesson_of
from metalearn_course.authoring import validate
from metalearn_course.authoring.complete import known_lessons
from metalearn_course.classroom.register import exercises_of
from metalearn_course.cli.lab import try_lab

pytestmark = pytest.mark.course

LESSONS = known_lessons()
PAGES = validate.by_cost(find_notebooks("notebooks"))
SOLUTIONS = validate.by_cost(find_notebooks("solutions"))


def running(paths, share):
    """Notebooks by their lessons, marked as taking a share of their budgets."""
    marks = [pytest.mark.takes(share * notebooks.budget(notebooks.read(path))) for path in paths]
    return [pytest.param(path, marks=mark, id=lesson_of(path)) for path, mark in zip(paths, marks, strict=True)]


def judging(lessons):
    marks = [pytest.mark.takes(0.1 + validate.SECONDS_OF_AN_EXERCISE * len(exercises_of(one))) for one in lessons]
    return [pytest.param(lesson, marks=mark) for lesson, mark in zip(lessons, marks, strict=True)]


@pytest.fixture
def measured(slowness, monkeypatch):
    """The calibration that all workers share."""
    monkeypatch.setattr(validate, "slowness", lambda jobs=1: slowness)


def prove(outcome):
    print(f"{outcome.what}: {outcome.said}")
    assert not outcome.problems, "\n".join(["", *outcome.problems])


def test_files():
    prove(validate.validate_files())


def test_build():
    prove(validate.validate_build())


def test_ideas():
    prove(validate.validate_ideas())


@pytest.mark.parametrize("lesson", LESSONS)
def test_pages(lesson):
    prove(validate.validate_pages(lesson))


def test_machine(measured):
    """Measured before any test, and told at the end of them all."""
    prove(validate.validate_machine())


def test_jupyterlab_opens(tmp_path, monkeypatch):
    monkeypatch.setenv("METALEARN_HOME", str(tmp_path))
    assert try_lab(["--ServerApp.allow_root=True"]) == "JupyterLab opens at notebooks/00_start_here.ipynb"


def test_jupyterlab_that_stops_at_once_says_why():
    with pytest.raises(CourseError, match=r"JupyterLab stopped at once: .*no_such_folder"):
        try_lab(["--ServerApp.allow_root=True", "--ServerApp.root_dir=no_such_folder"])


@pytest.mark.parametrize("lesson", judging(LESSONS))
def test_answers(lesson, tmp_path, monkeypatch):
    monkeypatch.setenv("METALEARN_HOME", str(tmp_path))
    prove(validate.validate_answers(lesson))


@pytest.mark.parametrize("path", running(PAGES, 0.5))
def test_lesson(path, measured):
    prove(validate.validate_lesson(path))


@pytest.mark.parametrize("path", running(PAGES, 0.3))
def test_no_claim_about_learning_holds_untrained(path):
    prove(validate.validate_ablation(path))


@pytest.mark.parametrize("path", running(SOLUTIONS, 0.4))
def test_exercises(path, measured, tmp_path, monkeypatch):
    monkeypatch.setenv("METALEARN_HOME", str(tmp_path))
    prove(validate.validate_exercises(lesson_of(path)))

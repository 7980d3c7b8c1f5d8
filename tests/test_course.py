"""The whole course, proved by the same functions that `metalearn validate` calls, in the same order."""

import pytest

from metalearn_course._common.environment import CourseError
from metalearn_course._common.notebooks import find_notebooks, lesson_of
from metalearn_course.authoring import validate
from metalearn_course.authoring.complete import known_lessons
from metalearn_course.cli.lab import try_lab

pytestmark = pytest.mark.course

LESSONS = known_lessons()
PAGES = validate.by_cost(find_notebooks("notebooks"))
SOLUTIONS = validate.by_cost(find_notebooks("solutions"))


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


def test_machine(capsys):
    outcome = validate.validate_machine()
    with capsys.disabled():
        print(f"\n{outcome.said}")
    prove(outcome)


def test_jupyterlab_opens(tmp_path, monkeypatch):
    monkeypatch.setenv("METALEARN_HOME", str(tmp_path))
    assert try_lab(["--ServerApp.allow_root=True"]) == "JupyterLab opens at notebooks/00_start_here.ipynb"


def test_jupyterlab_that_stops_at_once_says_why():
    with pytest.raises(CourseError, match=r"JupyterLab stopped at once: .*no_such_folder"):
        try_lab(["--ServerApp.allow_root=True", "--ServerApp.root_dir=no_such_folder"])


@pytest.mark.parametrize("lesson", LESSONS)
def test_answers(lesson, tmp_path, monkeypatch):
    monkeypatch.setenv("METALEARN_HOME", str(tmp_path))
    prove(validate.validate_answers(lesson))


@pytest.mark.parametrize("path", PAGES, ids=lesson_of)
def test_lesson(path):
    prove(validate.validate_lesson(path))


@pytest.mark.parametrize("path", PAGES, ids=lesson_of)
def test_no_claim_about_learning_holds_untrained(path):
    prove(validate.validate_ablation(path))


@pytest.mark.parametrize("lesson", [lesson_of(path) for path in SOLUTIONS])
def test_exercises(lesson, tmp_path, monkeypatch):
    monkeypatch.setenv("METALEARN_HOME", str(tmp_path))
    prove(validate.validate_exercises(lesson))

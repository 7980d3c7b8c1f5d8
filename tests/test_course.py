"""The whole course, proved by the same functions that `metalearn validate` calls."""

import pytest

from metalearn_course._common.environment import CourseError
from metalearn_course._common.notebooks import find_notebooks, lesson_of
from metalearn_course.authoring import validate
from metalearn_course.cli.lab import try_lab

pytestmark = pytest.mark.course

LESSONS = find_notebooks("notebooks")
SOLUTIONS = find_notebooks("solutions")


def prove(outcome):
    print(f"{outcome.what}: {outcome.said}")
    assert not outcome.problems, "\n".join(["", *outcome.problems])


@pytest.mark.parametrize("path", LESSONS, ids=lesson_of)
def test_lesson(path):
    prove(validate.validate_lesson(path))


@pytest.mark.parametrize("lesson", [lesson_of(path) for path in SOLUTIONS])
def test_exercises(lesson, tmp_path, monkeypatch):
    monkeypatch.setenv("METALEARN_HOME", str(tmp_path))
    prove(validate.validate_exercises(lesson))


@pytest.mark.parametrize("path", LESSONS, ids=lesson_of)
def test_no_claim_about_learning_holds_untrained(path):
    prove(validate.validate_ablation(path))


def test_jupyterlab_opens(tmp_path, monkeypatch):
    monkeypatch.setenv("METALEARN_HOME", str(tmp_path))
    assert try_lab(["--ServerApp.allow_root=True"]) == "JupyterLab opens at notebooks/00_start_here.ipynb"


def test_jupyterlab_that_stops_at_once_says_why():
    with pytest.raises(CourseError, match=r"JupyterLab stopped at once: .*no_such_folder"):
        try_lab(["--ServerApp.allow_root=True", "--ServerApp.root_dir=no_such_folder"])


def test_build():
    prove(validate.validate_build())


def test_ideas():
    prove(validate.validate_ideas())


def test_machine(capsys):
    outcome = validate.validate_machine()
    with capsys.disabled():
        print(f"\n{outcome.said}")
    prove(outcome)

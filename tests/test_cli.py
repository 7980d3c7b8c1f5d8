import os
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from metalearn_course._common.environment import CourseError, repository
from metalearn_course.classroom import machine as doctor
from metalearn_course.classroom.machine import Finding
from metalearn_course.cli import lab
from metalearn_course.cli.main import app

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def learners_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("METALEARN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def metalearn(*arguments, **environment):
    command = [sys.executable, "-c", "from metalearn_course.cli.main import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, env=os.environ | environment, check=False)


def test_help_answers_at_once_and_without_torch():
    script = (
        "import sys, metalearn_course.cli.main as cli\ntry:\n    cli.app(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'numpy', 'matplotlib', 'IPython', 'nbclient', 'rich'} & sys.modules.keys()))"
    )
    times = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        times.append(time.perf_counter() - start)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "validate" in done.stdout
    assert min(times) < 0.5


def test_start_copies_what_is_new_and_never_overwrites(learners_folder):
    first = run(app, ["start"])
    copies = sorted(path.name for path in learners_folder.glob("*.ipynb"))
    assert first.exit_code == 0
    assert copies == sorted(path.name for path in (repository() / "exercises").glob("*.ipynb"))
    mine = learners_folder / copies[0]
    mine.write_text("my answers", encoding="utf-8")
    assert "nothing new" in run(app, ["start"]).output
    assert mine.read_text(encoding="utf-8") == "my answers"


def test_start_into_a_folder_that_cannot_be_written_is_one_line(learners_folder):
    learners_folder.write_text("a file", encoding="utf-8")
    with pytest.raises(CourseError, match="set METALEARN_HOME"):
        lab.copy_exercises()


def test_lab_opens_the_first_lesson_with_calm_threads(monkeypatch):
    seen = {}

    def fake(command, env, cwd, check):
        seen.update(command=command, env=env, cwd=cwd)
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(lab.subprocess, "run", fake)
    result = run(app, ["lab", "--no-browser", "--port", "8899", "--ServerApp.token=abc"])
    assert result.exit_code == 3
    assert seen["command"][-3:] == ["--no-browser", "--port=8899", "--ServerApp.token=abc"]
    assert seen["env"]["OMP_WAIT_POLICY"] == "PASSIVE" and "OMP_NUM_THREADS" in seen["env"]
    assert seen["cwd"] == repository()


def test_a_wheel_without_notebooks_says_so(monkeypatch):
    def nowhere():
        raise CourseError("The lessons are not installed with the package: clone the repository.")

    monkeypatch.setattr(lab, "repository", nowhere)
    with pytest.raises(CourseError, match="clone the repository"):
        lab.open_lab(True, None, [])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["hint", "expected_rsk"], "did you mean 'expected_risk'?"),
        (["check", "two"], "'two' is no lesson"),
        (["check", "02"], "run `metalearn start`"),
        (["validate", "77"], "There is no lesson 77"),
    ],
)
def test_errors_say_what_to_do(arguments, words):
    result = run(app, arguments)
    assert isinstance(result.exception, CourseError)
    assert words in str(result.exception) and "\n" not in str(result.exception)


def test_an_error_is_one_line_on_stderr_with_exit_status_2():
    done = metalearn("check", "two")
    assert done.returncode == 2
    assert done.stderr.decode("utf-8").splitlines() == ["'two' is no lesson: give its number, as in `02`."]


def test_hints_go_on_from_call_to_call_and_survive_a_narrow_pipe():
    narrow = metalearn("hint", "expected_risk", PYTHONIOENCODING="cp1252")
    assert narrow.stdout.decode("utf-8").startswith("Hint 1")
    assert run(app, ["hint", "expected_risk"]).output.startswith("Hint 2")
    assert run(app, ["hint", "expected_risk", "--level", "1"]).output.startswith("Hint 1")


def test_build_check_fails_on_a_difference_and_names_the_file(monkeypatch):
    from metalearn_course.authoring import build

    monkeypatch.setattr(build, "differences", lambda: ["exercises/02_many_tasks.ipynb is missing"])
    result = run(app, ["build", "--check"])
    assert result.exit_code == 1
    assert "exercises/02_many_tasks.ipynb is missing" in result.output
    monkeypatch.setattr(build, "differences", lambda: [])
    assert run(app, ["build", "--check"]).exit_code == 0


def test_validate_fails_where_something_failed(monkeypatch):
    from metalearn_course.authoring import validate
    from metalearn_course.authoring.validate import Outcome

    monkeypatch.setattr(validate, "outcomes", lambda lesson, ablate: [Outcome("a", "fine"), Outcome("b", "", ["why"])])
    result = run(app, ["validate"])
    assert result.exit_code == 1
    assert result.output.splitlines() == ["✓ a: fine", "✗ b: failed", "    why", "1 failed"]


def test_the_doctor_finds_a_missing_wait_policy_and_a_broken_folder(monkeypatch, learners_folder):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.setenv("METALEARN_CACHE", str(learners_folder / "file" / "cache"))
    monkeypatch.delenv("METALEARN_DATA", raising=False)  # reading Omniglot anew would take ten seconds
    monkeypatch.setenv("METALEARN_OFFLINE", "1")
    learners_folder.mkdir()
    (learners_folder / "file").write_text("", encoding="utf-8")
    findings = list(doctor.examine())
    assert any(mark == "!" and "`metalearn lab` sets it" in text for mark, text in findings)
    assert any(mark == "✗" and "set METALEARN_CACHE" in text for mark, text in findings)
    assert Finding("✓", "font: DejaVu Sans") in findings
    assert any(text.startswith("data: ") for _, text in findings)


def test_the_doctor_knows_the_tested_versions():
    assert doctor.tested_versions()["torch"] == "2.13.0"

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from metalearn_course._common.environment import CourseError, repository
from metalearn_course.classroom import machine as doctor
from metalearn_course.classroom.machine import Finding
from metalearn_course.cli import lab
from metalearn_course.cli.main import app, main
from tests.helpers.processes import fresh

run = CliRunner().invoke


def metalearn(*arguments, **environment):
    command = [sys.executable, "-c", "from metalearn_course.cli.main import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, env=os.environ | environment, check=False)


def test_help_answers_at_once_and_without_torch():
    """At once: in seconds of this process, whatever else the machine does; the best of three, if it needs them."""
    script = (
        "import sys, time, metalearn_course.cli.main as cli\n"
        "try:\n    cli.app(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'numpy', 'matplotlib', 'IPython', 'nbclient', 'rich'} & sys.modules.keys()))\n"
        "print(time.process_time())"
    )
    for _ in range(3):
        *help_, loaded, seconds = fresh(script).splitlines()
        if float(seconds) < 0.5:
            break
    assert loaded == "[]" and any("validate" in line for line in help_)
    assert float(seconds) < 0.5


def test_start_copies_what_is_new_and_never_overwrites(learners_folder):
    first = run(app, ["start"])
    copies = sorted(path.name for path in learners_folder.glob("*.ipynb"))
    assert first.exit_code == 0
    assert copies == sorted(path.name for path in (repository() / "exercises").glob("*.ipynb"))
    mine = learners_folder / copies[0]
    mine.write_text("my answers", encoding="utf-8")
    assert "nothing new" in run(app, ["start"]).output
    assert mine.read_text(encoding="utf-8") == "my answers"


def exercises():
    return sorted((repository() / "exercises").glob("*.ipynb"))


def test_start_on_a_full_disk_says_so_and_leaves_no_half_notebook(learners_folder, full_disk, monkeypatch, capsys):
    first, second = exercises()[:2]
    full_disk(room=first.stat().st_size + 10)
    monkeypatch.setattr(sys, "argv", ["metalearn", "start"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{learners_folder / second.name} cannot be written (No space left on device): free some")
    assert [path.name for path in learners_folder.iterdir()] == [first.name]
    assert (learners_folder / first.name).read_bytes() == first.read_bytes()


@pytest.mark.parametrize("kept", [0, 1, 4096, -1])
def test_start_makes_whole_what_a_stopped_copy_cut_short_and_says_so(learners_folder, kept):
    first, second, third = exercises()[:3]
    learners_folder.mkdir()
    (learners_folder / first.name).write_bytes(first.read_bytes()[:kept])
    mine = second.read_bytes()[:-9] + b"my answer"
    (learners_folder / second.name).write_bytes(mine)
    (learners_folder / third.name).write_bytes(third.read_bytes() + b"\n")
    output = run(app, ["start"]).output
    assert f"{first.name} had been cut short" in output and output.count("cut short") == 1
    assert (learners_folder / first.name).read_bytes() == first.read_bytes()
    assert (learners_folder / second.name).read_bytes() == mine
    assert (learners_folder / third.name).read_bytes() == third.read_bytes() + b"\n"
    assert "cut short" not in run(app, ["start"]).output


@pytest.mark.skipif(sys.platform == "win32", reason="there, what is left is removed after an hour")
def test_a_start_that_is_killed_leaves_whole_notebooks_or_none_and_the_next_one_finishes(learners_folder):
    script = (
        "import os, signal\nreal = os.fsync\ncalls = []\n"
        "def fsync(file):\n    calls.append(file)\n    real(file)\n"
        "    if len(calls) == 3:\n        os.kill(os.getpid(), signal.SIGKILL)\n"
        "os.fsync = fsync\nfrom metalearn_course.cli.lab import copy_exercises\ncopy_exercises()"
    )
    killed = subprocess.run([sys.executable, "-c", script], env=os.environ, check=False)
    assert killed.returncode < 0
    there = sorted(path.name for path in learners_folder.iterdir())
    assert there[:2] == [path.name for path in exercises()[:2]] and there[2].endswith(".part") and len(there) == 3
    assert "nothing new" not in run(app, ["start"]).output
    assert sorted(path.name for path in learners_folder.iterdir()) == [path.name for path in exercises()]
    for path in exercises():
        assert (learners_folder / path.name).read_bytes() == path.read_bytes()


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


def test_every_line_passes_through_a_pipe_at_once():
    script = (
        "import sys\nimport metalearn_course.cli.main as cli\nfrom metalearn_course.cli.main import utf8_output\n"
        "utf8_output()\ncli.say('said')\ncli._line('✓', 'shown', 'green')\nprint('printed')\nsys.stdin.read()"
    )
    running = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        lines = [running.stdout.readline().decode("utf-8").strip() for _ in range(3)]
        assert running.poll() is None
    finally:
        running.kill()
        running.communicate()
    assert lines == ["said", "✓ shown", "printed"]


def test_a_commands_first_lines_come_before_it_ends(learners_folder):
    script = (
        "import sys\nimport metalearn_course.cli.main as cli\n"
        "from metalearn_course.classroom import machine as doctor\n"
        "def endless():\n    yield doctor.Finding('✓', 'first')\n    sys.stdin.read()\n"
        "doctor.examine = endless\nsys.argv = ['metalearn', 'doctor']\ncli.main()"
    )
    running = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert running.stdout.readline().decode("utf-8").strip() == "✓ first"
        assert running.poll() is None
    finally:
        running.kill()
        running.communicate()


def test_a_disk_that_is_full_anywhere_is_one_line(monkeypatch, capsys):
    def full():
        raise OSError(28, "No space left on device", "/somewhere/tmp")

    monkeypatch.setattr(doctor, "report", full)
    monkeypatch.setattr(sys, "argv", ["metalearn", "doctor"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    line = "/somewhere/tmp cannot be written (No space left on device): free some space on that disk and do it again."
    assert capsys.readouterr().err.splitlines() == [line]


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
    monkeypatch.setattr(build, "without_solution", lambda: ["exercises/02_many_tasks.ipynb has no solution"])
    result = run(app, ["build", "--check"])
    assert result.exit_code == 1 and "has no solution" in result.output and "Run" not in result.output


@pytest.fixture
def proofs(monkeypatch):
    """Two proofs in place of the course's own, one of which fails; returns what they were planned with."""
    from metalearn_course.authoring import validate
    from metalearn_course.authoring.schedule import Outcome, Proof

    asked = []

    def planned(lessons, ablate, jobs):
        asked.append((list(lessons), ablate, jobs, os.environ.get("OMP_NUM_THREADS")))
        outcomes = [Outcome("a", "fine"), Outcome("b", "", ["why"])]
        return [Proof(one.what, "x", 2.0, lambda one=one: one) for one in outcomes]

    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(validate, "planned", planned)
    return asked


def test_validate_fails_where_something_failed_and_says_how_much_is_left(proofs):
    result = run(app, ["validate", "02"])
    assert result.exit_code == 1
    first, second, why, last = result.output.splitlines()
    assert first.startswith("✓ a: fine [1 of 2, about ") and first.endswith(" s left]")
    assert second == "✗ b: failed [2 of 2, about 0 s left]"
    assert (why, last) == ("    why", "1 failed")
    assert proofs == [(["02"], False, 1, "2")]


def test_validate_runs_jobs_with_one_thread_each_and_writes_junit(proofs, tmp_path):
    report = tmp_path / "out" / "report.xml"
    result = run(app, ["validate", "--jobs", "2", "--junit", str(report)])
    assert result.exit_code == 1
    ((lessons, ablate, jobs, threads),) = proofs
    assert len(lessons) > 9 and not ablate and (jobs, threads) == (2, "1")
    text = report.read_text(encoding="utf-8")
    assert 'tests="2"' in text and 'failures="1"' in text and 'skipped="0"' in text
    (tmp_path / "file").write_text("", encoding="utf-8")
    refused = run(app, ["validate", "02", "--junit", str(tmp_path / "file" / "report.xml")])
    assert isinstance(refused.exception, CourseError) and "✓ a" not in refused.output
    assert run(app, ["validate", "--jobs", "0"]).exit_code == 2


def test_validate_chooses_what_was_changed_and_says_why(proofs, monkeypatch):
    from metalearn_course.authoring import changed

    monkeypatch.setattr(changed, "changed_files", lambda since, root: [f"notebooks/0{len(since)}_x.ipynb"])
    assert run(app, ["validate", "--changed"]).output.startswith("since HEAD: 04 (notebooks/04_x.ipynb); what concerns")
    assert run(app, ["validate", "--since", "first"]).output.startswith("since first: 05 (")
    assert run(app, ["validate", "02", "--changed"]).output.startswith("since HEAD, no lesson is touched")
    assert [asked[0] for asked in proofs] == [["04"], ["05"], []]


def test_what_authors_call_is_under_dev_and_the_old_names_go_on_unseen(proofs, monkeypatch):
    from metalearn_course.authoring import build

    monkeypatch.setattr(build, "differences", lambda: [])
    for arguments in (["build", "--check"], ["dev", "build", "--check"]):
        assert run(app, arguments).output == "✓ exercises/ is what solutions/ makes\n"
    for arguments in (["store", "77"], ["dev", "store", "77"]):
        assert "There is no lesson '77'" in str(run(app, arguments).exception)
    for arguments in (["validate", "--ablate"], ["dev", "validate", "--ablate"]):
        assert run(app, arguments).exit_code == 1
    assert [ablate for _, ablate, _, _ in proofs] == [True, True]
    shown = [line.split()[0] for line in run(app, ["--help"]).output.partition("Commands:")[2].splitlines() if line]
    assert "dev" in shown and "validate" in shown and not {"build", "store"} & set(shown)
    assert "--ablate" not in run(app, ["validate", "--help"]).output
    assert "--ablate" in run(app, ["dev", "validate", "--help"]).output
    authors = run(app, ["dev", "--help"]).output
    assert all(name in authors for name in ("build", "store", "validate"))


def test_dev_pages_looks_at_stored_notebooks_and_runs_none(monkeypatch):
    from metalearn_course.authoring import build

    shown = run(app, ["dev", "pages", "2"])
    assert shown.exit_code == 0, shown.output
    *proved, last = shown.output.splitlines()
    assert [line.partition(":")[0] for line in proved] == ["✓ files", "✓ build", "✓ ideas", "✓ pages 02"]
    assert last == "all well"
    monkeypatch.setattr(build, "differences", lambda root=None: ["exercises/02_many_tasks.ipynb is missing"])
    failed = run(app, ["dev", "pages", "02"])
    assert failed.exit_code == 1 and "exercises/02_many_tasks.ipynb is missing" in failed.output


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

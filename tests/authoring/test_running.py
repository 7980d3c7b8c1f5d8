"""Small notebooks in real kernels: what must fail fails, and is named."""

import os

import pytest

from metalearn_course._common.environment import CourseError, kernel_environment
from metalearn_course.authoring import proofs
from metalearn_course.authoring.ablation import ablate, without_steps
from metalearn_course.authoring.proofs import unsolved_problems
from metalearn_course.authoring.running import under_nbclient, under_nbval
from metalearn_course.authoring.schedule import Outcome, Proof, carry_out
from metalearn_course.classroom.register import find
from metalearn_course.cli.own_notebooks import check_notebooks
from tests.helpers.cells import check, code, markdown, solution, write


def test_loops_over_ranges_run_zero_times_and_others_run():
    scope = {"tqdm": lambda steps, desc: steps}
    loops = (
        "for i in range(1, 9):\n    a += 1\nfor i in tqdm(range(9), desc=''):\n    b += 1\nfor i in [1]:\n    c += 1"
    )
    exec(without_steps(f"a = b = c = 0\n{loops}"), scope)
    assert (scope["a"], scope["b"], scope["c"]) == (0, 0, 1)


def test_kernels_get_calm_threads_and_absolute_folders(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("METALEARN_DATA", "data")
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-x")
    environment = kernel_environment(MORE="1")
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert int(environment["OMP_NUM_THREADS"]) >= 1
    assert environment["METALEARN_DATA"] == str(tmp_path / "data")
    assert environment["MORE"] == "1"
    assert not {"NBGRADER_EXECUTION", "PYTEST_ADDOPTS"} & environment.keys()


@pytest.mark.course
def test_nbval_sees_errors_and_changed_outputs_and_no_foreign_settings(tmp_path, monkeypatch):
    folder = tmp_path / "notebooks"
    output = [{"output_type": "stream", "name": "stdout", "text": "2\n"}]
    path = write(
        folder / "02_x.ipynb",
        markdown("title", "# x"),
        code("same", "print(1 + 1)", "nbval-check-output", count=1, outputs=output),
        code("changed", "print(1 + 2)", "nbval-check-output", count=2, outputs=output),
        code("free", "print(1 + 3)", count=3, outputs=output),
        code("fails", "{}['key']", count=4),
        code("home", "import os\nassert 'my_exercises' not in os.environ['METALEARN_HOME']", count=5),
    )
    (folder / "conftest.py").write_text("raise RuntimeError('read by mistake')\n", encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n", encoding="utf-8")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    run = under_nbval(path)
    assert len(run.errors) == 2, run.errors
    assert run.errors[0].startswith("notebooks/02_x.ipynb, cell 2 (changed): ") and "3" in run.errors[0]
    assert run.errors[1].startswith("notebooks/02_x.ipynb, cell 4 (fails): KeyError")


@pytest.mark.course
def test_notebooks_run_side_by_side_and_each_is_told_its_own_errors(tmp_path):
    proofs = []
    for number, run in enumerate([under_nbval, under_nbclient, under_nbclient]):
        path = write(tmp_path / "notebooks" / f"0{number}_x.ipynb", code("fails", f"{{}}['key {number}']", count=1))
        proofs.append(Proof(f"{number}", "x", 1.0, lambda run=run, path=path: Outcome("", "", run(path).errors), False))
    found = {one.proof.what: one.outcome.problems for one in carry_out(proofs, jobs=3)}
    for number in range(3):
        [line] = found[f"{number}"]
        assert line.startswith(f"notebooks/0{number}_x.ipynb, cell 0 (fails): KeyError") and f"key {number}" in line


@pytest.mark.course
def test_an_unsolved_notebook_that_raises_or_gives_marks_away_is_found(tmp_path):
    stub = "def expected_risk(losses):\n    # YOUR CODE HERE\n    raise NotImplementedError"
    path = write(
        tmp_path / "exercises" / "02_x.ipynb",
        code("setup", "from metalearn_course.classroom import check"),
        solution("expected_risk", stub),
        code("use", "expected_risk([])"),
        check("expected_risk") | {"source": "print('… not yet')"},
    )
    wrong = unsolved_problems(path, [])
    assert any("unsolved: exercises/02_x.ipynb, cell 2 (use): NotImplementedError" in line for line in wrong)
    assert any("an unsolved check_expected_risk raises nothing: full marks" in line for line in wrong)
    assert any("use fails, and it is no check" in line for line in wrong)


@pytest.mark.course
def test_an_unsolved_notebook_is_run_once_and_its_checks_are_kind_without_nbgrader(tmp_path, monkeypatch):
    stub = "def expected_risk(losses):\n    # YOUR CODE HERE\n    raise NotImplementedError"
    unkind = (
        "import os\ntry:\n    check.expected_risk(expected_risk)\nexcept AssertionError:\n    raise\n"
        "else:\n    raise KeyError('not under nbgrader')"
    )
    cells = [code("setup", "from metalearn_course.classroom import check"), solution("expected_risk", stub)]
    kind = write(tmp_path / "exercises" / "02_kind.ipynb", *cells, check("expected_risk"))
    other = write(tmp_path / "exercises" / "02_x.ipynb", *cells, check("expected_risk") | {"source": unkind})
    runs = []
    monkeypatch.setattr(proofs, "under_nbclient", lambda *a, **b: runs.append(under_nbclient(*a, **b)) or runs[-1])
    assert unsolved_problems(kind, [find("expected_risk")]) == []
    assert [line["status"] for line in runs[0].checks] == ["not_yet", "not_yet"] and len(runs) == 1
    [line] = unsolved_problems(other, [find("expected_risk")])
    assert line.startswith("unsolved: exercises/02_x.ipynb, cell 4 (check_expected_risk_again): KeyError")


@pytest.mark.course
def test_a_claim_that_holds_untrained_is_named(tmp_path):
    claims = (
        "from metalearn_course import claim\nclaim('learned', loss, below=0.5)\n"
        "claim('empty', loss, below=5)\nclaim('fixed', 2.0, below=3, learned=False)"
    )
    path = write(
        tmp_path / "02_x.ipynb",
        code("train", "loss = 1.0\nfor step in range(10):\n    loss *= 0.5", "training"),
        code("claims", claims),
    )
    run = under_nbclient(path)
    assert run.errors == [] and [line["holds"] for line in run.claims] == [True, True, True]
    found = ablate(path)
    assert (found.failed, found.held, found.missed, found.errors) == (["learned"], ["empty"], [], [])


@pytest.mark.course
def test_a_claim_that_is_not_reached_untrained_is_named(tmp_path):
    path = write(
        tmp_path / "02_x.ipynb",
        code("train", "for step in range(10):\n    loss = 0.5", "training"),
        code("claims", "from metalearn_course import claim\nclaim('learned', loss, below=1.0)"),
    )
    assert under_nbclient(path).errors == []
    found = ablate(path)
    assert (found.failed, found.held, found.missed) == ([], [], ["learned"]) and len(found.errors) == 1


@pytest.mark.course
def test_the_learners_notebooks_are_run_in_their_own_folder(learners_folder):
    with pytest.raises(CourseError, match="run `metalearn start`"):
        check_notebooks("02")
    answer = (
        "def expected_risk(losses):\n    while True:\n        try:\n            pass\n        except:\n            pass"
    )
    write(
        learners_folder / "02_mine.ipynb",
        code("broken", "no_such_name"),
        code("setup", "from metalearn_course.classroom import check"),
        solution("expected_risk", answer),
        check("expected_risk"),
    )
    rows = {row.name: row for row in check_notebooks("02")}
    assert rows["expected_risk"].status == "wrong"
    assert "was still running after 5 s" in rows["expected_risk"].line
    assert (learners_folder / "progress.json").exists()
    assert os.environ["METALEARN_HOME"] == str(learners_folder)


@pytest.mark.course
def test_a_line_of_the_learners_cell_is_quoted(tmp_path):
    path = write(
        tmp_path / "02_x.ipynb",
        code("setup", "from metalearn_course.classroom import check"),
        solution("expected_risk", "def expected_risk(losses):\n    total = 0\n    return losses / total"),
        check("expected_risk"),
    )
    [line] = under_nbclient(path).checks
    assert line["mistake"] == "raised"
    assert "(line 3 of your cell: `return losses / total`)" in line["line"]

"""`metalearn check`: a row for every file, with the cell and the cause, and nothing of one spoils another."""

import json

import pytest
from typer.testing import CliRunner

from metalearn_course._common.notebooks import to_bytes
from metalearn_course.cli import own_notebooks
from metalearn_course.cli.main import app
from metalearn_course.cli.own_kernel import Limits, Ran, run_cells
from metalearn_course.cli.own_notebooks import check_notebooks, opened
from tests.helpers.cells import check, code, notebook, solution, write

# A check that says of every function what the function says of itself, without torch.
SETUP = """
import json, os
class Check:
    def __getattr__(self, name):
        return lambda function: self.tell(name, function())
    def tell(self, name, status):
        with open(os.environ["METALEARN_CHECKS"], "a") as file:
            file.write(json.dumps({"check": name, "status": status, "line": f"{status}!"}) + "\\n")
check = Check()
"""
LIMITS = Limits(seconds=15, printed=100_000, gigabytes=1.0)


def answer(name, body="return 'solved'"):
    return solution(name, f"def {name}():\n    {body}")


def told(ran):
    return {name: line["status"] for name, line in ran.checks.items()}


@pytest.mark.course
@pytest.mark.parametrize(
    ("trouble", "where", "words"),
    [
        ("while True:\n    pass", "stopped", "still running after 15 s"),
        ("while True:\n    print('for ever' * 100)", "stopped", "printed more than 100,000"),
        ("import os\nos._exit(0)", "ended", "ended its kernel"),
        ("exit()", "ended", "ended its kernel"),
        ("eaten = []\nwhile True:\n    eaten.append(bytearray(50_000_000))", "ended", "GB of memory"),
        ("import sys\nsys.exit(1)", "errors", "SystemExit"),
        ("def broken(:", "errors", "SyntaxError"),
        ("input()", "errors", "StdinNotImplementedError"),
    ],
)
def test_a_cell_that_goes_wrong_spoils_no_other(tmp_path, trouble, where, words):
    cells = {0: SETUP, 1: "def before():\n    return 'solved'", 2: "check.before(before)", 4: trouble}
    ran = run_cells(tmp_path, cells | {5: "check.after(before)"}, LIMITS)
    assert told(ran) == {"before": "solved", "after": "solved"}
    assert list(ran.troubles) == [4] and words in getattr(ran, where)[4]


@pytest.mark.course
def test_half_a_line_in_the_file_of_checks_is_left_out(tmp_path):
    half = "with open(os.environ['METALEARN_CHECKS'], 'a') as file:\n    file.write('[1]\\n{\"check\": \"ha')"
    assert told(run_cells(tmp_path, {0: SETUP, 1: "check.first(lambda: 'wrong')", 2: half})) == {"first": "wrong"}


@pytest.fixture
def ran(monkeypatch):
    """What a run of any notebook shows, in place of a kernel; the sources that were to be run."""
    shown, asked = Ran(), []
    monkeypatch.setattr(own_notebooks, "run_cells", lambda folder, cells, limits: asked.append(dict(cells)) or shown)
    shown.asked = asked
    return shown


def lines(rows):
    return {(row.name, row.file): f"{row.status}: {row.line}" for row in rows}


def test_every_cause_is_told_with_its_cell(learners_folder, ran):
    write(
        learners_folder / "03_few_shot_episodes.ipynb",
        code("setup", "from metalearn_course.classroom import check"),
        solution("split_classes", "def split_classes(:"),
        check("split_classes"),
        solution("draw_episode", "def draw_episode():\n    ..."),
        check("draw_episode"),
        check("confidence_interval"),
        code("use", "while True: pass"),
    )
    ran.errors |= {0: "ModuleNotFoundError: no", 1: "SyntaxError: invalid", 2: "NameError: name 'check'"}
    ran.errors |= {5: "NameError: name 'check'"}
    ran.ended[4], ran.stopped[6] = "ended its kernel", "was still running after 120 s"
    rows = lines(check_notebooks("03"))
    begins = "not_yet: its check did not run: "
    assert rows["split_classes", None] == f"{begins}cell 2 (split_classes) SyntaxError: invalid"
    assert rows["draw_episode", None] == (
        f"{begins}cell 5 (check_draw_episode) ended its kernel. Before that, cell 1 (setup) ModuleNotFoundError: no"
    )
    assert rows["confidence_interval", None].startswith(f"{begins}cell 6 (check_confidence_interval) NameError")
    assert rows["episode_loss", None] == f"{begins}no cell calls `check.episode_loss(episode_loss)`"
    file = rows["03_few_shot_episodes.ipynb", None]
    assert file.startswith("wrong: ") and "cell 7 (use) was still running after 120 s" in file


def test_files_that_are_no_notebooks_have_a_row_and_the_others_are_run(learners_folder, ran):
    learners_folder.mkdir()
    for name, text in {"01_a.ipynb": "{half", "02_b.ipynb": "[]", "03_c.ipynb": "{}", "04_d.ipynb": ""}.items():
        (learners_folder / name).write_text(text, encoding="utf-8")
    (learners_folder / "05_e.ipynb").write_bytes(b"\xff\xfe\x00")
    (learners_folder / "06_f.ipynb").mkdir()
    write(learners_folder / "notes.ipynb", code("a", "1 + 1"))
    write(learners_folder / "08_g.ipynb", answer("truncate"), check("truncate"))
    ran.checks["truncate"] = {"check": "truncate", "status": "solved", "line": "✓ truncate: right"}
    rows = lines(check_notebooks(None))
    for name in ("01_a", "02_b", "03_c", "04_d", "05_e"):
        assert "wrong: is not a notebook" in rows[f"{name}.ipynb", None], name
        assert "`metalearn start` gives you a new one" in rows[f"{name}.ipynb", None]
    assert "wrong: cannot be read" in rows["06_f.ipynb", None]
    assert rows["notes.ipynb", None] == "not_yet: calls no check of this course: not run"
    assert rows["truncate", None] == "solved: ✓ truncate: right"
    assert len(ran.asked) == 1
    done = CliRunner().invoke(app, ["check", "02"])
    assert done.exit_code == 1 and "✗ 02 02_b.ipynb: is not a notebook" in done.output


def test_copies_and_renamed_notebooks_count_to_their_lesson_once(learners_folder, ran):
    names = ["00_start_here.ipynb", "00_start_here-Copy1.ipynb", "00 start here.ipynb", "my first.ipynb"]
    for name in names:
        write(learners_folder / name, answer("add_stars"), check("add_stars"))
    ran.checks["add_stars"] = {"check": "add_stars", "status": "solved", "line": "✓ add_stars: right"}
    rows = list(check_notebooks("00"))
    assert [(row.lesson, row.name) for row in rows] == [("00", "add_stars")] * 4
    assert rows[0].file is None and {row.file for row in rows[1:]} == set(names[1:])
    done = CliRunner().invoke(app, ["check"])
    assert done.exit_code == 0 and done.output.splitlines()[-1] == "1 of 1 solved"
    assert "✓ 00 add_stars (00_start_here-Copy1.ipynb): right" in done.output


def test_an_error_of_the_machinery_in_one_file_leaves_the_others_their_rows(learners_folder, monkeypatch):
    for name in ("00_start_here.ipynb", "02_many_tasks.ipynb"):
        write(learners_folder / name, check("add_stars" if name.startswith("00") else "expected_risk"))

    def run(folder, cells, limits):
        if "add_stars" in "".join(cells.values()):
            raise RuntimeError("no more\nprocesses")
        return Ran()

    monkeypatch.setattr(own_notebooks, "run_cells", run)
    rows = lines(check_notebooks(None))
    assert rows["00_start_here.ipynb", None] == "wrong: could not be run (RuntimeError: no more processes)"
    assert ("expected_risk", None) in rows


def test_a_byte_order_mark_and_sources_in_one_string_are_read(tmp_path):
    content = to_bytes(notebook(answer("add_stars"), check("add_stars")))
    (tmp_path / "x.ipynb").write_bytes(b"\xef\xbb\xbf" + content)
    assert opened(tmp_path / "x.ipynb").lessons == ["00"]
    cells = json.loads(content)
    cells["cells"][1]["source"] = ["check.", "expected_risk(None)"]
    (tmp_path / "y.ipynb").write_text(json.dumps(cells), encoding="utf-8")
    assert opened(tmp_path / "y.ipynb").lessons == ["02"]

import shutil

import pytest

from metalearn_course._common import notebooks
from metalearn_course._common.environment import CourseError, repository
from metalearn_course.authoring import budget, complete, running, validate
from tests.helpers.cells import write

FOLDERS = ("notebooks", "solutions", "exercises")


@pytest.fixture
def copy(tmp_path):
    """The notebooks of this very course, to take some away from."""
    for folder in FOLDERS:
        shutil.copytree(repository() / folder, tmp_path / folder)
    return tmp_path


def remove(root, folder, lesson):
    for path in (root / folder).glob(f"{lesson}_*.ipynb"):
        path.unlink()


def test_this_course_is_complete():
    assert validate.validate_files().problems == []
    assert complete.known_lessons() == sorted({path.name[:2] for path in notebooks.find_notebooks("notebooks")})


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_notebook_that_is_missing_fails_and_git_brings_it_back(copy, folder):
    remove(copy, folder, "01")
    assert "01" in complete.known_lessons(copy)
    [line] = validate.validate_files(root=copy).problems
    path = f"{folder}/01_supervised_training.ipynb"
    assert line.startswith(f"{path} is missing: `git restore {path}` brings it back")
    assert ("metalearn dev build" in line) == (folder == "exercises"), "building without a solution would lose more"
    if folder != "notebooks":
        assert validate.validate_exercises("01", copy).problems == [line]


def test_of_a_lesson_that_is_gone_altogether_the_register_knows(copy):
    for folder in FOLDERS:
        remove(copy, folder, "02")
    assert "02" in complete.known_lessons(copy)
    lines = validate.validate_files(root=copy).problems
    assert [line.partition(" ")[0] for line in lines] == [f"{folder}/02_*.ipynb" for folder in FOLDERS]
    assert all('git restore "' in line for line in lines)


def test_a_lesson_known_by_its_page_alone_needs_no_exercises_but_half_of_them_is_wrong(copy):
    shutil.copy(copy / "notebooks" / "01_supervised_training.ipynb", copy / "notebooks" / "88_new.ipynb")
    assert "88" in complete.known_lessons(copy) and validate.validate_files(root=copy).problems == []
    shutil.copy(copy / "solutions" / "01_supervised_training.ipynb", copy / "solutions" / "88_new.ipynb")
    [line] = validate.validate_files(root=copy).problems
    assert line.startswith("exercises/88_new.ipynb is missing")
    shutil.copy(copy / "notebooks" / "01_supervised_training.ipynb", copy / "notebooks" / "88_newer.ipynb")
    assert any("2 notebooks of lesson 88" in line for line in validate.validate_files(root=copy).problems)


def test_a_lesson_that_nothing_knows_is_refused():
    with pytest.raises(CourseError, match=r"There is no lesson 77: there are 00, 01"):
        complete.lessons_called("77")


def test_the_cheapest_proofs_come_first_and_notebooks_by_their_budgets():
    lessons = complete.known_lessons()
    plan = validate.planned(lessons)
    kinds = list(dict.fromkeys(proof.kind for proof in plan))
    assert kinds == ["course", "pages", "machine", "answers", "lesson", "exercises"]
    assert [proof.what for proof in plan[:3]] == ["files", "build", "ideas"]
    for kind in ("lesson", "exercises"):
        seconds = [proof.seconds for proof in plan if proof.kind == kind]
        assert seconds == sorted(seconds) and len(seconds) == len(lessons)
    assert [proof.what for proof in plan if proof.kind == "pages"] == [f"pages {lesson}" for lesson in lessons]
    assert all(proof.alone == (proof.kind not in ("lesson", "exercises")) for proof in plan)
    assert len({proof.what for proof in plan}) == len(plan)


def test_where_nothing_was_touched_only_what_concerns_the_whole_course_is_proved():
    assert [proof.what for proof in validate.planned([])] == ["files", "build", "ideas"]
    assert {proof.what[-2:] for proof in validate.planned(["02"])} >= {"02"}
    assert [proof.kind for proof in validate.planned(["02"], ablate=True)] == ["ablation"]


def test_processes_are_measured_side_by_side():
    script = (
        "import time\nstart = time.time()\nprint('a warning')\nprint('ready', flush=True)\ninput()\n"
        "begun = time.time()\ntime.sleep(0.5)\nprint(begun, time.time())"
    )
    spans = [tuple(map(float, line.split())) for line in running.measured_together(script, 3)]
    assert len(spans) == 3
    assert max(begun for begun, _ in spans) < min(ended for _, ended in spans)


def test_the_slowest_of_the_processes_counts_and_a_failure_is_said(monkeypatch):
    monkeypatch.setattr(budget, "measured_together", lambda script, jobs: ["1.4", "2.1", "0.7"][:jobs])
    assert budget.slowness(1) == pytest.approx(1.4 / 0.7)
    assert budget.slowness(3) == pytest.approx(2.1 / 0.7)
    monkeypatch.undo()
    monkeypatch.setattr(budget, "WORKLOAD", "raise ImportError('no torch')")
    with pytest.raises(CourseError, match=r"ImportError: no torch.*run `metalearn doctor`"):
        budget.slowness(2)


def test_a_proof_that_failed_does_not_say_that_all_is_well(copy):
    path = copy / "solutions" / "02_many_tasks.ipynb"
    path.write_bytes(path.read_bytes().replace(b'"expected_risk"', b'"expected_risks"'))
    pages, answers = validate.validate_pages("02", copy), validate.validate_answers("02", copy)
    assert pages.said == "" and any("expected_risks" in line for line in pages.problems)
    assert answers.said == "" and any("right answers in tests/answers" in line for line in answers.problems)


@pytest.mark.parametrize(
    ("before", "after", "fails", "times"),
    [
        (1.0, 1.8, False, "1.8 times"),
        (1.0, 1.2, True, "2.3 times"),
        (1.6, 1.0, False, "1.9 times"),
        (1.4, 1.0, True, "2.1"),
    ],
)
def test_a_run_is_judged_by_the_mean_of_the_speeds_before_and_after_it(
    tmp_path, monkeypatch, before, after, fails, times
):
    """250 s of 100, on a machine that became slower or faster: also what the first speed would let pass may fail."""
    path = write(tmp_path / "notebooks" / "02_x.ipynb", budget_seconds=100)
    monkeypatch.setattr(validate, "slowness", lambda jobs=1: before)
    monkeypatch.setattr(validate.budget, "slowness", lambda jobs=1: after)
    said, problems = validate._seconds(path, running.Run(250.0, [], [], []), 1)
    assert times in said and bool(problems) == fails

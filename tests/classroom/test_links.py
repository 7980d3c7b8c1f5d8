"""What stands at the end of every lesson, and the table of `progress()`: links that lead somewhere."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from metalearn_course._common import notebooks
from metalearn_course._common.environment import CourseError
from metalearn_course.classroom import links, progress, records, where_next

ROOT = Path(__file__).parents[2]
LESSONS = sorted(path.name[:2] for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
ORIGINAL = {path.name[:2]: path for path in (ROOT / "exercises").glob("*.ipynb")}


@pytest.fixture
def shown_in_a_notebook():
    """Call it with a function: what it displays in IPython, as (html, text)."""

    def shown(function):
        InteractiveShell.instance()
        try:
            with capture_output() as caught:
                function()
        finally:
            InteractiveShell.clear_instance()
        assert caught.stdout == ""
        (output,) = caught.outputs
        return output.data["text/html"], output.data["text/plain"]

    return shown


def targets(html):
    return re.findall(r'href="([^"]+)"', html)


@pytest.fixture
def copy_of(monkeypatch):
    """Call it with a lesson: the learner's copy of its exercises in my_exercises/ of the clone, as far as links see."""

    def make(lesson):
        monkeypatch.setattr(links, "home", lambda: ROOT / "my_exercises")
        there = Path.is_file
        copy = ROOT / "my_exercises" / ORIGINAL[lesson].name
        monkeypatch.setattr(Path, "is_file", lambda path: path == copy or there(path))
        return copy

    return make


@pytest.mark.parametrize("lesson", LESSONS)
@pytest.mark.parametrize("folder", ["notebooks", "exercises", "solutions"])
def test_every_link_leads_to_a_file_from_every_folder_of_notebooks(lesson, folder, shown_in_a_notebook):
    html, text = shown_in_a_notebook(lambda: where_next(lesson))
    found = [(ROOT / folder / unquote(target)).resolve() for target in targets(html)]
    following = [path for path in (ROOT / "notebooks").glob("[0-9]*.ipynb") if path.name[:2] > lesson]
    expected = [ORIGINAL[lesson], *sorted(following)[:1], ROOT / "docs/symbols.md"]
    assert found == expected
    assert [path for path in expected if path.relative_to(ROOT).as_posix() not in text] == []


def test_the_learners_copy_comes_before_the_original(copy_of, capsys):
    copy = copy_of("02")
    where_next("02")
    said = capsys.readouterr().out
    assert f"my_exercises/{copy.name} (your copy)" in said
    assert "exercises/02_many_tasks.ipynb (`metalearn start`" not in said
    where_next("03")
    assert ": exercises/03_few_shot_episodes.ipynb (`metalearn start` makes" in capsys.readouterr().out


def test_the_copy_is_linked(copy_of, shown_in_a_notebook):
    copy = copy_of("02")
    html, _ = shown_in_a_notebook(lambda: where_next("02"))
    assert targets(html)[0] == f"../my_exercises/{copy.name}"
    table, _ = shown_in_a_notebook(progress)
    assert f"../my_exercises/{copy.name}" in targets(table)
    assert "../exercises/02_many_tasks.ipynb" not in targets(table)


def test_a_copy_outside_of_the_clone_is_named_and_not_linked(learners_folder, shown_in_a_notebook):
    learners_folder.mkdir()
    (learners_folder / "02_many_tasks.ipynb").write_text("{}", encoding="utf-8")
    html, text = shown_in_a_notebook(lambda: where_next("02"))
    assert str(learners_folder / "02_many_tasks.ipynb") in text
    assert targets(html) == ["../notebooks/03_few_shot_episodes.ipynb", "../docs/symbols.md"]


def test_what_is_shown_is_the_same_at_every_call(shown_in_a_notebook):
    assert shown_in_a_notebook(lambda: where_next("2")) == shown_in_a_notebook(lambda: where_next("02_many_tasks"))


def test_the_next_lesson_is_called_by_its_heading(capsys):
    where_next("00")
    assert "notebooks/01_supervised_training.ipynb (Supervised training)" in capsys.readouterr().out


@pytest.mark.parametrize("lesson", ["77", "x", "123"])
def test_an_unknown_lesson_is_one_line(lesson):
    with pytest.raises(CourseError, match=f"'{lesson}'") as caught:
        where_next(lesson)
    assert "\n" not in str(caught.value)


def test_without_the_lessons_there_is_a_sentence_and_the_table_has_no_links(capsys, monkeypatch, shown_in_a_notebook):
    def nowhere():
        raise CourseError("no clone")

    monkeypatch.setattr(notebooks, "repository", nowhere)
    monkeypatch.setattr(links, "repository", nowhere)
    where_next("02")
    assert "there is nothing to link to" in capsys.readouterr().out
    html, text = shown_in_a_notebook(progress)
    assert targets(html) == []
    assert "… expected_risk: the expected risk" in text


def test_progress_has_a_row_a_lesson_with_links_that_lead_somewhere(shown_in_a_notebook):
    records.update("sgd_update", lambda record: {"solved": True, "hints": 2})
    records.update("train", lambda record: {"status": "wrong"})
    html, text = shown_in_a_notebook(progress)
    rows = re.findall(r"<tr><th scope=\"row\".*?</tr>", html)
    assert len(rows) == len(ORIGINAL)
    for lesson, row in zip(sorted(ORIGINAL), rows, strict=True):
        page = next((ROOT / "notebooks").glob(f"{lesson}_*.ipynb"))
        assert [(ROOT / "notebooks" / unquote(t)).resolve() for t in targets(row)] == [page, ORIGINAL[lesson]]
    assert "✓ <code>sgd_update</code>: one step of gradient descent (2 of 3 hints)<br>" in rows[1]
    assert "✗ <code>train</code>: train<br>… <code>momentum_update</code>: momentum ★" in rows[1]
    assert "1 of 4 solved" in rows[1]
    assert "  ✓ sgd_update: one step of gradient descent (2 of 3 hints)" in text
    assert text.splitlines()[-1] in html


def test_outside_of_a_notebook_progress_is_text(capsys):
    progress()
    said = capsys.readouterr().out
    assert "Lesson 01\n  … forward: a network is a function of its parameters\n" in said
    assert "<" not in said


def checks_of_the_course():
    """Every exercise that a check cell of exercises/ names."""
    found = [source for path in ORIGINAL.values() for source in map(notebooks.source, notebooks.read(path)["cells"])]
    return {name for source in found for name in re.findall(r"^check\.(\w+)\(", source, re.MULTILINE)}


def test_progress_counts_every_check_of_the_exercises(capsys):
    progress()
    assert capsys.readouterr().out.splitlines()[-1] == f"0 of {len(checks_of_the_course())} solved"


def test_the_progress_that_lesson_00_has_stored_counts_them_too():
    cells = notebooks.read(ROOT / "notebooks/00_start_here.ipynb")["cells"]
    (cell,) = [cell for cell in cells if notebooks.source(cell) == "progress()"]
    stored = str(cell["outputs"])
    assert f"0 of {len(checks_of_the_course())} solved" in stored
    assert "my_exercises" not in stored


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_ends_with_its_links(lesson):
    cells = notebooks.read(next((ROOT / "notebooks").glob(f"{lesson}_*.ipynb")))["cells"]
    assert notebooks.source(cells[-1]).splitlines()[-1] == f'where_next("{lesson}")'
    (stored,) = [output["data"]["text/html"] for output in cells[-1]["outputs"]]
    after_it = [False] if lesson == LESSONS[-1] else [False, False]  # the next lesson, where there is one; the symbols
    assert [ORIGINAL[lesson].name in target for target in targets("".join(stored))] == [True, *after_it]

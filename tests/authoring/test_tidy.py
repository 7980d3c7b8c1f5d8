import json

import pytest

from metalearn_course._common import notebooks
from metalearn_course._common.environment import CourseError, repository
from metalearn_course.authoring import page_rules
from metalearn_course.authoring.build import problems
from metalearn_course.authoring.tidy import tidy
from tests.helpers.cells import check, code, markdown, solution, write

PRINTED = [{"output_type": "stream", "name": "stdout", "text": "hello\n"}]


def ids(path):
    return [cell["id"] for cell in notebooks.read(path)["cells"]]


def test_a_solution_as_an_editor_saved_it_becomes_one_that_builds(tmp_path):
    cells = [
        markdown("1a2b3c4d", "Write `double`, for a number."),
        solution("double", "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"),
        check("double"),
        code("0f1e2d3c-0000-4000-8000-000000000000", "print(1)", count=3, outputs=PRINTED),
    ]
    cells[1]["id"], cells[2]["id"] = "aaaaaaaa", "bbbbbbbb"
    cells[0]["metadata"]["lines_to_next_cell"] = 2
    path = write(tmp_path / "solutions" / "02_x.ipynb", *cells)
    stored = json.loads(path.read_text(encoding="utf-8"))
    stored["metadata"] |= {"jupytext": {"formats": "ipynb"}, "kernelspec": {"name": "venv"}}
    path.write_text(json.dumps(stored), encoding="utf-8")
    assert page_rules.solution_problems(path) and problems(path, notebooks.read(path))

    assert tidy("02", tmp_path) == ["solutions/02_x.ipynb is tidy now"]
    assert ids(path) == ["write-double-for-a-number", "double", "check_double", "print-1"]
    assert page_rules.solution_problems(path) == [] and problems(path, notebooks.read(path)) == []
    assert tidy("02", tmp_path) == []


def test_a_lesson_keeps_outputs_tags_its_budget_and_names_that_it_has(tmp_path):
    cells = [
        markdown("two-words", "# two words"),
        markdown("12345678", "Two words"),
        markdown("87654321", "two, words!", "idea:why"),
        code("a", "print(1)", "training", count=1, outputs=PRINTED),
    ]
    cells[3]["metadata"]["collapsed"] = True
    path = write(tmp_path / "notebooks" / "02_x.ipynb", *cells, budget_seconds=60)
    assert tidy("02", tmp_path) == ["notebooks/02_x.ipynb is tidy now"]
    notebook = notebooks.read(path)
    assert ids(path) == ["two-words", "two-words-2", "two-words-3", "a"]
    assert [cell["metadata"] for cell in notebook["cells"][2:]] == [{"tags": ["idea:why"]}, {"tags": ["training"]}]
    assert notebook["cells"][3]["outputs"] == PRINTED and notebooks.budget(notebook) == 60
    assert page_rules.lesson_problems(path) == []


def test_the_notebooks_of_the_course_are_tidy(tmp_path):
    for folder in ("notebooks", "solutions"):
        (tmp_path / folder).mkdir()
        for path in notebooks.find_notebooks(folder, root=repository()):
            (tmp_path / folder / path.name).write_bytes(path.read_bytes())
    assert tidy(root=tmp_path) == []


def test_a_lesson_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CourseError, match="no lesson '77'"):
        tidy("77", tmp_path)

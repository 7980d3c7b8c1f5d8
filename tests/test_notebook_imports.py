"""Learners import from three places, whatever room a thing lives in."""

import ast

import pytest

from metalearn_course._common import notebooks

PLACES = {"metalearn_course", "metalearn_course.tasks", "metalearn_course.classroom"}
PATHS = [path for folder in ("notebooks", "solutions", "exercises") for path in notebooks.find_notebooks(folder)]


def deep_imports(cell):
    """The modules of this package that a cell imports from, other than the three places."""
    found = []
    for node in ast.walk(notebooks.parse(cell)):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found += [name for name in modules if name.partition(".")[0] == "metalearn_course" and name not in PLACES]
    return found


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_notebooks_import_from_three_places_only(path):
    wrong = {
        notebooks.place(path, index, cell): deep
        for index, cell in enumerate(notebooks.read(path)["cells"])
        if cell["cell_type"] == "code" and (deep := deep_imports(cell))
    }
    assert not wrong


@pytest.mark.parametrize(
    ("code", "deep"),
    [
        ("from metalearn_course import MAML\nfrom metalearn_course.tasks import Task\nimport metalearn_course", []),
        ("from metalearn_course.classroom import check", []),
        ("from metalearn_course.tasks.task import Task", ["metalearn_course.tasks.task"]),
        ("if True:\n    from metalearn_course.figures import curves", ["metalearn_course.figures"]),
        ("import torch, metalearn_course.evaluation as e", ["metalearn_course.evaluation"]),
        ("%matplotlib inline\nfrom metalearn_course_of_mine.deep import x", []),
    ],
)
def test_a_deeper_import_is_found(code, deep):
    assert deep_imports({"source": code}) == deep

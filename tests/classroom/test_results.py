import json

import pytest

from metalearn_course._common import environment
from metalearn_course._common.environment import CourseError, repository
from metalearn_course.classroom import results


def test_results_are_the_files_of_the_benchmarks():
    saved = json.loads((repository() / "benchmarks/results/starts_omniglot.json").read_text(encoding="utf-8"))
    assert saved["rows"] and results("starts_omniglot") == saved


def test_an_unknown_name_is_told_what_there_is():
    with pytest.raises(CourseError, match=r"No results are called 'starts'; .*sinusoid_paper, .*starts_omniglot"):
        results("starts")


def test_without_a_clone_a_line_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(
        environment, "__file__", str(tmp_path / "site-packages" / "metalearn_course" / "classroom" / "e.py")
    )
    with pytest.raises(CourseError, match="clone the repository"):
        results("starts_omniglot")

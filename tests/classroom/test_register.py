"""What the register costs: a hint comes without torch."""

import json
import subprocess
import sys

import pytest

from metalearn_course.classroom import register
from metalearn_course.classroom.register import all_exercises

TELL = "; import json, sys; print(json.dumps(sorted({'torch', 'numpy'} & set(sys.modules))))"


def brought_by(code):
    """Which of torch and numpy a fresh interpreter has loaded after `code`."""
    run = subprocess.run(
        [sys.executable, "-c", code + TELL], capture_output=True, text=True, encoding="utf-8", check=True, timeout=120
    )
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "code",
    [
        "from metalearn_course.classroom import hint; hint('add_stars')",
        "import sys; from metalearn_course.cli.main import app; app(['hint', 'add_stars'], standalone_mode=False)",
        "from metalearn_course.classroom import check; check.add_stars",
    ],
)
def test_a_hint_needs_no_torch(code):
    assert brought_by(code) == []


def test_judging_does():
    assert "torch" in brought_by("from metalearn_course.classroom import check; check.add_stars(print)")


@pytest.mark.parametrize("name", ["progress()", "hint('add_star')"])
def test_neither_do_progress_and_a_wrong_name(name):
    assert brought_by(f"from metalearn_course.classroom import hint, progress; {name}") == []


def test_a_text_for_a_general_mistake_makes_no_misconception_of_it(tmp_path, monkeypatch):
    lesson = tmp_path / "lesson_77.toml"
    lesson.write_text(
        '[odd]\ntitle = "t"\nminutes = 1\ndifficulty = 1\npraise = "p"\nhints = ["?", "", "``"]\n'
        'also = ["cuts_gradient"]\nmistakes = { "wrong_value/lost" = "lost", "far" = "f", "far/farther" = "ff" }\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(register, "TEXTS", tmp_path)
    exercise = all_exercises.__wrapped__()["odd"]
    assert exercise.mistakes == ("far", "cuts_gradient")
    assert exercise.check.texts.mistakes["wrong_value/lost"] == "lost"

import io
import json
import sys

import pytest
import torch

from metalearn_course.classroom import check, hint, judge, progress, records, solved_or_skip
from metalearn_course.classroom.desk import NotSolved
from metalearn_course.classroom.register import find


def stub(losses):
    raise NotImplementedError


def right(losses):
    return torch.stack([task.mean() for task in losses]).mean()


def pooled(losses):
    return torch.cat(losses).mean()


def as_exercise(function):
    """A new function of the exercise's name, as running the cell again gives."""

    def expected_risk(losses):
        return function(losses)

    return expected_risk


def test_a_stub_gets_a_kind_line(capsys):
    assert check.expected_risk(stub) is None
    assert capsys.readouterr().out.startswith("… not yet: write `expected_risk`")


def test_judging_any_function_prints_nothing_and_keeps_nothing(capsys):
    verdicts = [judge("expected_risk", function) for function in (right, pooled)]
    assert [verdict.status for verdict in verdicts] == ["solved", "wrong"]
    assert capsys.readouterr().out == "" and records.load() == {}


def test_a_named_mistake_points_to_the_hints(capsys):
    check.expected_risk(as_exercise(pooled))
    out = capsys.readouterr().out
    assert out.startswith("✗ Two tasks") and out.endswith('(`hint("expected_risk")` for more)\n')


@pytest.mark.parametrize("answer", [3, None, "expected_risk", object(), lambda: 1, int, print])
def test_whatever_is_checked_there_is_never_a_traceback(answer, capsys):
    check.expected_risk(answer)
    assert capsys.readouterr().out.splitlines()[-1].startswith("✗")


def test_solved_holds_for_the_very_function_that_was_checked(capsys):
    function = as_exercise(right)
    assert not solved_or_skip(function)
    check.expected_risk(function)
    assert solved_or_skip(function)
    assert not solved_or_skip(as_exercise(right))
    check.expected_risk(as_exercise(pooled))
    assert not solved_or_skip(function)
    assert "… skipped: this cell uses your `expected_risk`" in capsys.readouterr().out


@pytest.mark.parametrize("answer", [stub, pooled])
def test_under_nbgrader_what_is_not_solved_raises_one_line(answer, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(NotSolved) as caught:
        check.expected_risk(answer)
    assert isinstance(caught.value, AssertionError)
    assert caught.value._render_traceback_() == [f"NotSolved: {caught.value}"]
    assert "\n" not in str(caught.value)


def test_progress_is_kept_and_once_solved_stays_solved(capsys, learners_folder):
    check.expected_risk(as_exercise(right))
    check.expected_risk(as_exercise(pooled))
    assert json.loads((learners_folder / "progress.json").read_bytes())["exercises"]["expected_risk"] == {
        "lesson": "02",
        "solved": True,
        "status": "wrong",
    }
    capsys.readouterr()
    progress()
    assert "✓ expected_risk" in capsys.readouterr().out


def test_hints_climb_and_stay_at_the_last(capsys):
    for _ in range(4):
        hint("expected_risk")
    lines = capsys.readouterr().out.splitlines()
    assert [line[:11] for line in lines] == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3", "Hint 3 of 3"]
    assert find("expected_risk").hints[2] in lines[3]
    hint("expected_risk", level=1)
    hint("expected_risk", level=7)
    hint("expected_risc")
    lines = capsys.readouterr().out.splitlines()
    assert "Hint 1 of 3" in lines[0]
    assert "ask for 1 to 3" in lines[1]
    assert "did you mean 'expected_risk'?" in lines[2]


def test_an_unreadable_progress_file_is_kept_aside(capsys, learners_folder):
    learners_folder.mkdir()
    (learners_folder / "progress.json").write_text("{half", encoding="utf-8")
    check.expected_risk(stub)
    assert (learners_folder / "progress.unreadable.json").read_text(encoding="utf-8") == "{half"
    assert records.load()["expected_risk"]["status"] == "not_yet"
    assert "kept as progress.unreadable.json" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_mentioned_once(capsys, learners_folder, monkeypatch):
    monkeypatch.setattr(records, "_warned", False)
    learners_folder.write_text("a file, where a folder should be", encoding="utf-8")
    check.expected_risk(stub)
    check.expected_risk(stub)
    assert capsys.readouterr().out.count("set METALEARN_HOME") == 1


def test_an_unknown_check_is_named():
    with pytest.raises(AttributeError, match="did you mean 'expected_risk'"):
        check.expected_rsk  # noqa: B018
    assert "expected_risk" in dir(check)


def test_a_narrow_pipe_does_not_break_the_marks(monkeypatch):
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", pipe)
    check.expected_risk(as_exercise(right))
    pipe.flush()
    assert pipe.buffer.getvalue().startswith(b"[ok] expected_risk")

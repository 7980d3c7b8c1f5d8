import dataclasses

import pytest
import torch

from metalearn_course.authoring import proofs
from metalearn_course.authoring.breakages import breakages
from metalearn_course.authoring.proofs import WrittenAnswer
from metalearn_course.classroom.mistakes import GENERIC
from metalearn_course.classroom.register import find
from tests.helpers.cells import check, markdown, solution, write


@pytest.fixture
def risk():
    return find("expected_risk")


def right(losses):
    return torch.stack([task.mean() for task in losses]).mean()


def pooled(losses):
    return torch.cat(losses).mean()


def test_the_example_exercise_keeps_its_promises(risk):
    assert proofs.exercise_problems(risk, proofs.answers_of("02")) == []


def test_a_lax_check_is_found_out(risk):
    lax = dataclasses.replace(risk, check=lambda answer: answer([torch.ones(2)]))
    wrong = proofs.exercise_problems(lax, proofs.answers_of("02"))
    assert any("pools_points (cat): accepted" in line for line in wrong)
    for name in ("not_finite", "wrong_shape", "wrong_dtype", "wrong_type", "returned_nothing"):
        assert any(f"an answer that {GENERIC[name]} gives None" in line for line in wrong)


def test_wrong_names_and_strict_checks_are_found_out(risk):
    assert proofs.answer_problem(risk, WrittenAnswer("expected_risk", "sums_tasks", "x", pooled)).startswith(
        "expected_risk, sums_tasks (x): rejected as pools_points"
    )
    assert "is not among" in proofs.answer_problem(risk, WrittenAnswer("expected_risk", "other", "x", pooled))
    assert "rejected as pools_points" in proofs.answer_problem(risk, WrittenAnswer("expected_risk", None, "x", pooled))


def test_what_an_exercise_lacks_is_listed(risk):
    poor = dataclasses.replace(risk, hints=("Think.", "Think.", "Think."), mistakes=("pools_points",))
    lines = proofs.register_problems(poor, [WrittenAnswer("expected_risk", "pools_points", "x", pooled)])
    assert [line.split()[1] for line in lines] == ["needs", "names", "has", "has"]


def test_breakages_apply_to_any_structure():
    def answer(params, rate):
        return {"w": [params["w"] * rate], "n": 3}

    ways = {breakage.expected: breakage for breakage in breakages(answer)}
    params = {"w": torch.ones(2)}
    broken = {name: ways[name].function("answer") for name in ways}
    assert broken["not_finite"](params, 1.0)["w"][0].isnan().all()
    assert broken["wrong_shape"](params, 1.0)["w"][0].shape == (1, 2)
    assert broken["wrong_dtype"](params, 1.0)["w"][0].dtype == torch.float64
    broken["changes_inputs"](params, 1.0)
    assert params["w"].tolist() == [2, 2]


def test_what_cannot_be_broken_is_not_asked_for():
    [shape] = [breakage for breakage in breakages(lambda n: n + 1) if breakage.expected == "wrong_shape"]
    assert shape.function("answer")(1) == 2
    assert shape.applied == 0


def test_badly_named_answers_are_refused(tmp_path):
    folder = tmp_path / "tests" / "answers"
    folder.mkdir(parents=True)
    (folder / "lesson_07.py").write_text("def double__wrong__x(n):\n    return n\n", encoding="utf-8")
    with pytest.raises(ValueError, match="double__wrong__x: expected NAME__right__HOW"):
        proofs.answers_of("07", tmp_path)


def test_page_and_register_may_not_drift(tmp_path, risk):
    answer = "def expected_risk(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION"
    cells = [markdown("about", risk.heading + "\n\nWrite it."), solution("expected_risk", answer)]
    path = write(tmp_path / "solutions" / "02_x.ipynb", *cells, check("expected_risk"))
    assert "exercise 1 here, and number 2 by its check" in proofs.page_problems(path, [risk])[0]
    risk = dataclasses.replace(risk, number=1)
    assert "no markdown cell begins with" in proofs.page_problems(path, [risk])[0]
    cells[0] = markdown("about", risk.heading + "\n\nWrite it.")
    path = write(tmp_path / "solutions" / "02_x.ipynb", *cells, check("expected_risk"))
    assert proofs.page_problems(path, [risk]) == []
    moved = dataclasses.replace(risk, minutes=99)
    assert "no markdown cell begins with" in proofs.page_problems(path, [moved])[0]
    assert "which no check is registered for" in proofs.page_problems(path, [])[0]
    other = dataclasses.replace(risk, name="other")
    assert "lacks 'other'" in proofs.page_problems(path, [risk, other])[0]

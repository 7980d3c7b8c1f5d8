import dataclasses

import torch

from metalearn_course.authoring import marks
from metalearn_course.authoring.proofs import WrittenAnswer, answers_of
from metalearn_course.classroom.checks import kit
from metalearn_course.classroom.checks.at_random import at_random
from metalearn_course.classroom.checks.kit import Case, Check
from metalearn_course.classroom.register import find


def scaled(x, by):
    return by * x


def roughly(x, by):
    return (by * x).round()


TWO = Case(x=torch.tensor([1.0, 2.0]), by=2.0)


def exercise_with(monkeypatch, *rules):
    check = Check(scaled, *rules)
    monkeypatch.setattr(marks, "check_of", lambda exercise: check)
    risk = find("expected_risk")
    declared = dataclasses.replace(
        risk.check, texts=dataclasses.replace(risk.check.texts, mistakes={"odd": "", "even": ""})
    )
    monkeypatch.setattr(type(declared), "__call__", lambda self, answer: check(answer, self.texts))
    return dataclasses.replace(risk, check=declared)


def test_an_argument_with_one_value_is_found_out(monkeypatch):
    exercise = exercise_with(monkeypatch, kit.equals(TWO), kit.equals(TWO.but(x=torch.zeros(3))))
    assert marks.frozen_arguments(exercise) == {"x": "wrong_shape", "by": "accepted"}
    assert marks.frozen_problems(exercise) == [
        "expected_risk: an answer with `by` as it was at the first call is accepted: let it vary."
    ]


def test_two_values_of_every_argument_are_enough(monkeypatch):
    exercise = exercise_with(monkeypatch, kit.equals(TWO), kit.equals(Case(x=torch.zeros(3) + 1, by=0.5)))
    assert marks.frozen_problems(exercise) == []


def test_a_case_at_random_that_repeats_the_written_one_now_and_then_is_found_out(monkeypatch):
    written = (kit.equals(TWO), kit.equals(TWO.but(x=torch.zeros(3))))
    now_and_then = exercise_with(monkeypatch, *written, at_random(lambda draw: TWO.but(by=float(draw.count(2, 4)))))
    assert marks.frozen_arguments(now_and_then)["by"] == "accepted"
    never = exercise_with(monkeypatch, *written, at_random(lambda draw: TWO.but(by=float(draw.count(3, 4)))))
    assert marks.frozen_arguments(never)["by"] == "wrong_value"


def test_what_is_frozen_is_a_copy_of_what_came_first():
    frozen = marks.freezing(scaled, "x")
    first = torch.ones(2)
    assert frozen(first, 2.0).tolist() == [2, 2]
    first.add_(1)
    assert frozen(torch.zeros(5), by=3.0).tolist() == [3, 3]


def test_a_number_that_two_mistakes_have_in_common_is_found_out(monkeypatch):
    four = kit.rivals(TWO, {"odd": lambda x, by: by * x * by, "even": lambda x, by: by * x + 2 * x})
    found = marks.coincidences(exercise_with(monkeypatch, four), [])
    assert len(found) == 2 and "on the case that names odd, the rival even has the same number" in found[0]
    apart = (TWO.but(by=3.0),)
    also = kit.rivals(TWO, {"odd": lambda x, by: by * x * by, "even": lambda x, by: by * x + 2 * x}, also=apart)
    assert marks.coincidences(exercise_with(monkeypatch, also), []) == []


def test_a_written_answer_of_another_name_may_not_have_the_number(monkeypatch):
    exercise = exercise_with(monkeypatch, kit.rival(TWO, "odd", torch.tensor([3.0, 4.0])))
    other = WrittenAnswer("expected_risk", "wrong_value", "added", lambda x, by: x + by)
    [line] = marks.coincidences(exercise, [other])
    assert "wrong_value (added) has the same number" in line
    assert marks.coincidences(exercise, [dataclasses.replace(other, mistake="odd")]) == []
    assert marks.coincidences(exercise, [dataclasses.replace(other, mistake=None)]) == []


def test_a_right_answer_that_random_cases_refuse_is_told(monkeypatch):
    cases = at_random(lambda draw: Case(x=draw.normal(2) + 9, by=draw.number(1.0, 2.0)))
    exercise = exercise_with(monkeypatch, cases)
    right, rough = (WrittenAnswer("expected_risk", None, how, f) for how, f in (("fine", scaled), ("rough", roughly)))
    assert marks.refused(exercise, [right], 5) == []
    told = marks.refused(exercise, [right, rough], 3)
    assert len(told) == 3 and "right (rough): rejected as wrong_value" in told[0] and "seed" in told[0]


def test_the_table_counts_what_is_accepted_and_what_is_refused():
    answers = answers_of("00")
    right = sum(answer.mistake is None for answer in answers)
    exercise, total = marks.lines("00")
    assert exercise.startswith(f"add_stars: {right} accepted, {len(answers) - right} refused; frozen: first ")
    assert total == f"lesson 00: {right} accepted, {len(answers) - right} refused"

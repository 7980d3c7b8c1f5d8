"""Last cases: new ones at every check, and the same ones where a seed is given."""

import re

import pytest
import torch

from metalearn_course.classroom.answer import Answer
from metalearn_course.classroom.checks.at_random import AtRandom, Draw, at_random, looks_for
from metalearn_course.classroom.checks.kit import Asked, Case
from metalearn_course.classroom.exercise import Texts
from metalearn_course.classroom.mistakes import Mistake


def doubled(x):
    return 2 * x


def run(rule, function):
    rule(Asked(Answer(function), doubled, Texts("", {"odd": "said {got}"}, {})))


@pytest.fixture(autouse=True)
def _no_seed(monkeypatch):
    monkeypatch.delenv("METALEARN_SEED", raising=False)


def test_every_check_draws_anew_whatever_the_global_seed():
    seen = []
    rule = at_random(lambda draw: Case(x=draw.normal(3)))
    for _ in range(2):
        torch.manual_seed(0)
        run(rule, lambda x: seen.append(x) or 2 * x)
    assert len({tuple(x.tolist()) for x in seen}) == 4


def test_the_message_tells_the_seed_with_which_the_case_comes_back(monkeypatch):
    rule = at_random(lambda draw: Case(x=draw.normal(2)), what="`doubled` of {x}")
    with pytest.raises(Mistake) as first:
        run(rule, lambda x: x)
    seed = re.search(r"seed (\d+)\. .*`%env METALEARN_SEED=\1`", first.value.message)
    assert first.value.name == "wrong_value" and seed
    monkeypatch.setenv("METALEARN_SEED", seed[1])
    calls = []
    with pytest.raises(Mistake) as again:
        run(rule, lambda x: calls.append(x) or x)
    assert again.value.message == first.value.message and len(calls) == 1
    run(rule, doubled)


def test_other_rules_can_be_asked_of_a_drawn_case():
    rule = at_random(lambda draw: Case(x=draw.normal(2)), looks_for("odd", lambda got, x: torch.equal(got, x)))
    with pytest.raises(Mistake, match=r"said .*Inputs drawn with seed") as found:
        run(rule, lambda x: x.clone())
    assert found.value.name == "odd"
    run(rule, lambda x: 3 * x)


def test_what_is_drawn_lies_where_it_should():
    for seed in range(50):
        draw = Draw(seed)
        assert 2 <= draw.count(2, 4) <= 4
        assert 0.2 <= draw.number(0.2, 0.4) <= 0.4
        labels = draw.labels(3, 7)
        assert labels.unique().tolist() == [0, 1, 2] and len(labels) == 7
        assert sorted(draw.order(5).tolist()) == [0, 1, 2, 3, 4]
    assert {Draw(seed).count(2, 4) for seed in range(50)} == {2, 3, 4}
    tree = Draw(1).tree({"w": (2, 3), "b": ()}, dtype=torch.float64)
    assert tree["w"].shape == (2, 3) and tree["b"].dtype == torch.float64


def test_every_exercise_has_such_cases():
    from metalearn_course.authoring.marks import check_of
    from metalearn_course.classroom.register import all_exercises

    without = [
        name for name, one in all_exercises().items() if not any(isinstance(r, AtRandom) for r in check_of(one).rules)
    ]
    assert without == []

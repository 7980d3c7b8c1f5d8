"""Right answers in other clothes: each passes its check, and the cells behind it run."""

import functools
from typing import NamedTuple

import pytest
import torch
from torch import tensor

from metalearn_course.classroom import check, desk, judge, solved_or_skip


class Update(NamedTuple):
    params: dict
    velocity: dict


def plus(first, second):
    return first + second


def scaled_sum(scale, first, second):
    return scale * (first + second)


def without_wraps(function):
    def call(*args, **kwargs):
        return function(*args, **kwargs)

    return call


class Adder:
    def __call__(self, first, second):
        return first + second

    def add(self, first, second):
        return first + second

    @staticmethod
    def static(first, second):
        return first + second


@pytest.mark.parametrize(
    "answer",
    [
        plus,
        lambda first, second: first + second,
        functools.partial(scaled_sum, 1),
        without_wraps(plus),
        functools.wraps(plus)(without_wraps(plus)),
        functools.lru_cache(plus),
        torch.add,
        Adder(),
        Adder.static,
        torch.Tensor.add,
    ],
)
def test_what_can_be_called_passes_and_the_cells_behind_it_run(answer, capsys):
    check.add_stars(answer)
    assert capsys.readouterr().out.startswith("✓ add_stars")
    assert solved_or_skip(answer)
    assert capsys.readouterr().out == ""


def test_a_bound_method_is_the_same_whenever_it_is_asked_for(capsys):
    adder = Adder()
    check.add_stars(adder.add)
    assert solved_or_skip(adder.add)
    assert not solved_or_skip(Adder().add)


def test_what_was_not_solved_is_skipped_under_the_name_that_the_learner_knows(capsys, monkeypatch):
    monkeypatch.setattr(desk, "_solved", {})
    monkeypatch.setattr(desk, "_judged", {})
    wrong = functools.partial(scaled_sum, 2)
    check.add_stars(wrong)
    assert not solved_or_skip(wrong)
    assert "this cell uses your `add_stars`" in capsys.readouterr().out
    names = {"sgd_update": lambda params: params, "solved_or_skip": solved_or_skip}
    exec("ran = solved_or_skip(sgd_update)", names)
    assert not names["ran"] and "this cell uses your `sgd_update`" in capsys.readouterr().out


def test_a_named_tuple_where_a_tuple_is_asked():
    def momentum_update(params, grads, state, lr, momentum):
        new = {name: momentum * state[name] + grads[name] for name in params}
        return Update({name: p - lr * new[name] for name, p in params.items()}, new)

    verdict = judge("momentum_update", momentum_update)
    assert verdict.status == "solved", verdict.message


def means(losses):
    return torch.stack([task.mean() for task in losses]).mean()


@pytest.mark.parametrize("finish", [torch.Tensor.double, lambda risk: tensor(risk.item(), dtype=torch.float64)])
def test_a_single_number_may_have_more_bits(finish):
    verdict = judge("expected_risk", lambda losses: finish(means(losses)))
    assert verdict.status == "solved", verdict.message


def by_one_hot(x, y, ways):
    belongs = torch.nn.functional.one_hot(y, ways).to(x.dtype)
    return belongs.T @ x / belongs.sum(0)[:, None]


def test_a_notebook_that_computes_in_float64_is_judged_as_others_are():
    torch.set_default_dtype(torch.float64)
    try:
        verdict = judge("prototypes", by_one_hot)
        risk = judge("expected_risk", lambda losses: tensor([task.mean() for task in losses]).mean())
        assert torch.get_default_dtype() is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert (verdict.status, risk.status) == ("solved", "solved"), (verdict.message, risk.message)

"""Rules and meta-learners of one's own as files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from metalearn_course import (
    MAML,
    LearnedRate,
    LSTMReader,
    MetaLearner,
    evaluate,
    load_meta_learner,
    load_rule,
    meta_train,
    mlp,
    save_meta_learner,
    save_rule,
    unroll,
)
from metalearn_course.tasks.point_clouds import PointClouds

START = {"w": torch.tensor([[1.0, -2.0], [0.5, 3.0]]), "b": torch.tensor([0.1, -0.2])}


class Signs(nn.Module):
    """theta <- theta - size * tanh(a * gradient), a network that learns a."""

    def __init__(self, hidden: int, size: float = 0.1, scales=(1.0, 2.0), name: str = "signs") -> None:
        super().__init__()
        self.hidden, self.size, self.name = hidden, size, name
        self.register_buffer("scales", torch.tensor(scales), persistent=False)
        self.a = nn.Parameter(torch.ones(hidden))

    def init(self, params):
        return ()

    def update(self, params, grads, state, loss):
        a = self.scales.sum() * self.a.sum()
        return {k: p - self.size * (a * grads[k]).tanh() for k, p in params.items()}, state


def run(rule) -> torch.Tensor:
    end = unroll(lambda params, _: sum(p.square().sum() for p in params.values()), rule, START, [None] * 3).params
    return torch.cat([p.flatten() for p in end.values()])


def test_a_rule_of_ones_own_comes_back_with_its_options_and_trains_the_same(tmp_path: Path):
    rule, path = Signs(3, 0.25, scales=[0.5, 1.5]), tmp_path / "signs.npz"
    with torch.no_grad():
        rule.a.copy_(torch.tensor([0.1, -0.3, 0.7]))
    save_rule(path, rule, "cones", seed=3)
    again = load_rule(path, Signs)
    assert type(again) is Signs and (again.hidden, again.size, again.name) == (3, 0.25, "signs") and not again.training
    assert again.about["kind"] == "Signs" and again.about["trained_on"] == "cones" and again.about["seed"] == 3
    torch.testing.assert_close(run(again), run(rule), rtol=0, atol=0)
    assert not torch.equal(run(rule), run(Signs(3)))


def test_a_file_does_not_say_where_code_is_so_the_class_is_given(tmp_path: Path):
    path = tmp_path / "signs.npz"
    save_rule(path, Signs(3), "cones")
    line = r"^signs\.npz holds a Signs, a rule of your own\. Give its class: load_rule\('signs\.npz', Signs\)\.$"
    with pytest.raises(ValueError, match=line):
        load_rule(path)
    with pytest.raises(ValueError, match=r"^signs\.npz holds a Signs, a rule of your own, not a LearnedRate\."):
        load_rule(path, LearnedRate)


class KeepsNothing(Signs):
    def __init__(self, width: int) -> None:
        super().__init__(width)


class TakesAFunction(Signs):
    def __init__(self, squash) -> None:
        super().__init__(2)
        self.squash = squash


class Renames(Signs):
    def __init__(self, hidden: int) -> None:
        super().__init__(hidden)
        self.hidden = hidden + 1


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            KeepsNothing(3),
            r"^KeepsNothing does not keep its argument width, .* Write self\.width = width in its __init__",
        ),
        (
            TakesAFunction(torch.tanh),
            r"^TakesAFunction was made with squash of type builtin_function_or_method, which a",
        ),
        (Renames(3), r"^Renames, made anew with \{'hidden': 4\}, has learned numbers of other names or shapes"),
        (
            nn.Flatten(),
            r"^Flatten is no learned rule of this course; expected one of .*, or a rule of your own that is",
        ),
    ],
)
def test_what_could_not_be_made_anew_is_not_saved_and_the_line_says_why(rule, message, tmp_path: Path):
    with pytest.raises(TypeError, match=message) as error:
        save_rule(tmp_path / "rule.npz", rule, "cones")
    assert "\n" not in str(error.value) and not [*tmp_path.iterdir()]


class Mine(MetaLearner):
    """Class means of a learned linear map, with a learned scale."""

    def __init__(self, width: int, power: float = 1.0) -> None:
        super().__init__()
        self.power = power
        self.encoder = nn.Linear(4, width)
        self.register_buffer("seen", torch.tensor(0))

    def adapt(self, support):
        labels = self.one_hot(support)
        return labels.T @ self.encoder(support.x) / labels.sum(0)[:, None]

    def predict(self, adapted, x):
        return -(torch.cdist(self.encoder(x), adapted) ** self.power)


@pytest.mark.parametrize(
    "make", [lambda: Mine(6), lambda: MAML(mlp(4, 8, 3), steps=2, lr=0.1), lambda: LSTMReader(4, 3)]
)
def test_a_meta_learner_comes_back_with_the_same_answers(make, tmp_path: Path):
    torch.manual_seed(0)
    method, path = make(), tmp_path / "method.npz"
    meta_train(method, PointClouds(), 2, progress=False)
    save_meta_learner(path, method, "clusters of points")
    torch.manual_seed(1)
    again = load_meta_learner(path, make())
    assert again.about["trained_on"] == "clusters of points" and again.trained_seconds == method.trained_seconds
    assert torch.equal(*(evaluate(m, PointClouds(), episodes=4).per_task for m in (method, again)))
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in method.state_dict().items()) and not again.training


@pytest.mark.parametrize(
    ("into", "message"),
    [
        (lambda: MAML(mlp(4, 3)), r"^method\.npz holds a Mine; it was to go into a MAML\."),
        (lambda: Mine(6, 2.0), r"^method\.npz was made with power = 1\.0; this Mine has 2\.0\. Make it the same way"),
        (lambda: Mine(5), r"^encoder\.weight is \(6, 4\) in method\.npz and \(5, 4\) in this Mine\.$"),
    ],
)
def test_another_meta_learner_is_refused_in_a_line(into, message, tmp_path: Path):
    save_meta_learner(tmp_path / "method.npz", Mine(6), "clusters")
    with pytest.raises(ValueError, match=message):
        load_meta_learner(tmp_path / "method.npz", into())


def test_what_is_no_meta_learner_and_no_words_are_refused(tmp_path: Path):
    with pytest.raises(TypeError, match=r"^LearnedRate is no meta-learner; for an update rule, use save_rule\."):
        save_meta_learner(tmp_path / "m.npz", LearnedRate(), "x")
    with pytest.raises(ValueError, match=r"^trained_on=' '; say in words"):
        save_meta_learner(tmp_path / "m.npz", Mine(2), " ")
    with pytest.raises(FileNotFoundError, match=r"Write one with save_meta_learner"):
        load_meta_learner(tmp_path / "m.npz", Mine(2))

"""What is frozen (requires_grad=False) stays as it is, bit for bit: before or after the method was made."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from metalearn_course import (
    ANIL,
    MAML,
    Adam,
    EvolutionStrategies,
    Examples,
    FineTuned,
    ImplicitMAML,
    LearnedRate,
    MAMLPlusPlus,
    MetaLSTM,
    MetaSGD,
    Reptile,
    ZeroHeadMAML,
    meta_train,
    mlp,
    predictions,
)
from metalearn_course.tasks.point_clouds import PointClouds
from tests.helpers.tasks import clusters, one, waves

METHODS = {
    "MAML": lambda learner: MAML(learner, steps=2, lr=0.5),
    "MAML, first order": lambda learner: MAML(learner, steps=2, lr=0.5, first_order=True),
    "MAMLPlusPlus": lambda learner: MAMLPlusPlus(learner, steps=2, lr=0.5),
    "ZeroHeadMAML": lambda learner: ZeroHeadMAML(learner, steps=2, lr=0.5),
    "ANIL": lambda learner: ANIL(learner, steps=2, lr=0.5),
    "Reptile": lambda learner: Reptile(learner, steps=2, rule=Adam(0.1)),
    "ImplicitMAML": lambda learner: ImplicitMAML(learner, steps=2, lr=0.5),
    "MetaSGD": lambda learner: MetaSGD(learner, steps=2, lr=0.5),
    "MetaLSTM": lambda learner: MetaLSTM(learner, steps=2, lr=0.5),
}
HEAD = "3"  # of mlp(4, 8, 3): Flatten, Linear, ReLU, Linear


def made(name: str, frozen: str, after: bool):
    torch.manual_seed(0)
    learner = mlp(4, 8, 3)
    if not after:
        learner.get_parameter(frozen).requires_grad_(False)
    method = METHODS[name](learner)
    learner.get_parameter(frozen).requires_grad_(False)
    return method


def adapted_by(method, support):
    return method.adapt(Examples(method.embed(support.x), support.y))


def used_by(method, support) -> dict[str, torch.Tensor]:
    """The parameters that answers are computed with: the learner's own, where `adapt` returns none of that name."""
    own = {k: p.detach() for k, p in method.learner.named_parameters()}
    prefix = f"{method.head}." if isinstance(method, ANIL) else ""
    return own | {prefix + k: p.detach() for k, p in adapted_by(method, support).items()}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", METHODS)
def test_a_frozen_parameter_does_not_move_in_the_inner_loop_and_the_others_do(name, after):
    method = made(name, f"{HEAD}.bias", after)
    before = copy.deepcopy(dict(method.learner.named_parameters()))
    used = used_by(method, one().support)
    assert torch.equal(used[f"{HEAD}.bias"], before[f"{HEAD}.bias"])
    assert not torch.equal(used[f"{HEAD}.weight"], before[f"{HEAD}.weight"])


@pytest.mark.parametrize("name", METHODS)
def test_frozen_before_or_after_gives_the_same_answers_alone_and_in_a_stack(name):
    frozen = "1.weight"
    torch.manual_seed(0)
    early, late = made(name, frozen, after=False), made(name, frozen, after=True)
    torch.testing.assert_close(predictions(early, clusters()), predictions(late, clusters()), rtol=0, atol=0)


@pytest.mark.parametrize("estimator", [None, EvolutionStrategies(pairs=2)], ids=["backpropagation", "ES"])
@pytest.mark.parametrize("name", ["MAML", "MAMLPlusPlus", "ANIL", "MetaSGD"])
def test_a_frozen_parameter_is_not_meta_trained_and_every_other_takes_part(name, estimator):
    method = made(name, f"{HEAD}.bias", after=True)
    before = copy.deepcopy(method.state_dict())
    meta_train(method, PointClouds(), 2, meta_batch=2, estimator=estimator, progress=False)
    moved = {k for k, v in method.state_dict().items() if not torch.equal(v, before[k])}
    assert f"learner.{HEAD}.bias" not in moved and {f"learner.{HEAD}.weight", "learner.1.weight"} <= moved


def test_a_frozen_bias_of_a_linear_learner_leaves_the_closed_form_of_the_weight_alone():
    learner = nn.Linear(1, 1, bias=True)
    learner.bias.requires_grad_(False)
    maml = MAML(learner, steps=1, lr=0.1, loss=F.mse_loss)
    x, y = (part[0] for part in waves(1).support)
    residual = x * learner.weight + learner.bias - y
    expected = learner.weight - 0.1 * (2 * residual * x).mean()
    adapted = maml.adapt(Examples(x, y))
    assert list(adapted) == ["weight"]
    torch.testing.assert_close(adapted["weight"], expected)


def test_fine_tuning_leaves_what_is_frozen():
    torch.manual_seed(0)
    learner = mlp(4, 8)
    method = FineTuned(learner, steps=3, lr=0.5, features=8, classes=3)
    learner[1].bias.requires_grad_(False)
    support = one().support
    with method.at_work(3):
        adapted = method.adapt(support)
    assert "learner.1.bias" not in adapted and not torch.equal(adapted["learner.1.weight"], learner[1].weight)

    twin, head = copy.deepcopy(learner), nn.Linear(8, 3)
    nn.init.zeros_(head.weight), nn.init.zeros_(head.bias)
    optimizer = torch.optim.SGD([twin[1].weight, *head.parameters()], lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(head(twin(support.x)), support.y).backward()
        optimizer.step()
    torch.testing.assert_close(method.fit(support)(support.x), head(twin(support.x)))


def test_fine_tuning_a_frozen_learner_trains_the_new_head_alone():
    method = FineTuned(mlp(4, 8).requires_grad_(False), steps=3, lr=0.5, features=8, classes=3)
    with method.at_work(3):
        assert list(method.adapt(one().support)) == ["head.weight", "head.bias"]


def test_what_is_unfrozen_later_takes_part():
    learner = mlp(4, 8, 3).requires_grad_(False)
    method = MAML(learner, steps=1, lr=0.5)
    learner[3].requires_grad_()
    assert list(method.adapt(one().support)) == ["3.weight", "3.bias"]


@pytest.mark.parametrize("name", ["MAML", "ANIL", "ImplicitMAML"])
def test_a_learner_that_is_frozen_as_a_whole_is_refused_where_a_step_is_asked_for(name):
    method = METHODS[name](mlp(4, 8, 3))
    method.learner.requires_grad_(False)
    with pytest.raises(ValueError, match=r"^There are no parameters that a step could move: all of them are frozen"):
        adapted_by(method, one().support)
    method.steps = 0
    assert adapted_by(method, one().support) == {}
    torch.testing.assert_close(method.fit(one().support)(one().query.x), method.learner(one().query.x))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("MetaSGD", r"^Parameter 3\.bias has shape \(3,\); these Coo"),
        ("MAMLPlusPlus", r"^3\.bias was frozen when the ra"),
    ],
)
def test_rates_that_were_never_made_are_missed_in_a_line(name, message):
    method = made(name, f"{HEAD}.bias", after=False)
    method.learner[3].bias.requires_grad_()
    with pytest.raises(ValueError, match=message):
        method.adapt(one().support)


def test_meta_sgd_takes_another_rule_too():
    """Lesson 08 puts one learned rate into the place of a rate for every weight."""
    torch.manual_seed(0)
    method, task = MetaSGD(mlp(4, 3), lr=0.1), one()
    method.rule = LearnedRate(0.1)
    plain = MAML(method.learner, steps=method.steps, lr=0.1)
    for name, p in method.adapt(task.support).items():
        torch.testing.assert_close(p, plain.adapt(task.support)[name])

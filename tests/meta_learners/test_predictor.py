"""What `fit` gives: it answers in eval mode, moves nothing, travels, and shows itself in a line."""

from __future__ import annotations

import copy
import inspect
import pickle
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from metalearn_course import MAML, FineTuned, MetaLearner, Prototypical, conv4, meta_train, mlp, predictions
from metalearn_course.tasks.point_clouds import PointClouds
from metalearn_course.tasks.task import one_task
from tests.contract.registry import META_LEARNERS
from tests.helpers.processes import fresh_json
from tests.helpers.tasks import clusters, one, waves


def dropping() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))


def modes(method: MetaLearner) -> list[bool]:
    return [module.training for module in method.modules()]


@pytest.mark.parametrize("make", [lambda: MAML(dropping(), steps=2, lr=0.1), lambda: Prototypical(dropping())])
def test_after_meta_train_a_predictor_with_dropout_answers_twice_the_same_and_as_in_eval_mode(make):
    torch.manual_seed(0)
    method, task = make(), one()
    meta_train(method, PointClouds(), 2, progress=False)
    before = modes(method)
    predictor = method.fit(task.support)
    answers = predictor(task.query.x)
    assert all(before) and modes(method) == before
    torch.testing.assert_close(predictor(task.query.x), answers, rtol=0, atol=0)
    torch.testing.assert_close(method.eval().fit(task.support)(task.query.x), answers, rtol=0, atol=0)


def test_running_statistics_in_the_encoder_stay_and_an_image_alone_is_answered_as_in_a_batch():
    torch.manual_seed(0)
    method, task = Prototypical(nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8))), one()
    meta_train(method, PointClouds(), 3, progress=False)
    before = copy.deepcopy(method.state_dict())
    predictor = method.fit(task.support)
    together = predictor(task.query.x)
    alone = torch.cat([predictor(x[None]) for x in task.query.x])
    torch.testing.assert_close(alone, together)
    assert all(torch.equal(v, before[k]) for k, v in method.state_dict().items())
    norm = method.encoder[1]
    hidden = method.encoder[0](task.support.x)
    by_hand = (hidden - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias
    prototypes = torch.stack([by_hand[task.support.y == k].mean(0) for k in range(3)])
    torch.testing.assert_close(predictor.adapted, prototypes)


def test_a_norm_of_the_batch_by_design_still_takes_the_batchs_statistics():
    torch.manual_seed(0)
    method = MAML(conv4(3, width=8, norm="batch"), steps=1, lr=0.1)
    images, y = torch.rand(6, 1, 28, 28), torch.tensor([0, 1, 2] * 2)
    task = one()._replace(support=type(one().support)(images, y))
    answers = {}
    for mode in (True, False):
        method.train(mode)
        answers[mode] = method.fit(task.support)(images)
    torch.testing.assert_close(answers[True], answers[False], rtol=0, atol=0)
    assert not torch.allclose(method.fit(task.support)(images[:2]), answers[True][:2])


@pytest.mark.parametrize("name", META_LEARNERS)
def test_a_predictor_can_be_copied_and_pickled(name):
    torch.manual_seed(0)
    method = META_LEARNERS[name]()
    stack = waves() if inspect.unwrap(method.loss) is F.mse_loss else clusters()
    task = one_task(stack, 0)
    torch.manual_seed(1)
    predictor = method.fit(task.support)
    answers = predictor(task.query.x)
    for again in (copy.deepcopy(predictor), pickle.loads(pickle.dumps(predictor))):
        torch.testing.assert_close(again(task.query.x), answers, rtol=0, atol=0)
        with torch.no_grad():
            for p in again.meta_learner.parameters():
                p.zero_()
    torch.testing.assert_close(predictor(task.query.x), answers, rtol=0, atol=0)


def test_a_predictor_answers_in_another_process(tmp_path: Path):
    torch.manual_seed(0)
    task, path = one(), tmp_path / "predictor.pkl"
    predictor = FineTuned(mlp(4, 8), steps=3, lr=0.1, features=8, classes=3).fit(task.support)
    path.write_bytes(pickle.dumps((predictor, task.query.x)))
    code = "import json, pickle, sys; p, x = pickle.load(open(sys.argv[1], 'rb')); print(json.dumps(p(x).tolist()))"
    torch.testing.assert_close(torch.tensor(fresh_json(code, str(path))), predictor(task.query.x))


def test_a_gradient_runs_through_what_was_fitted_and_not_through_its_copy():
    task, method = one(), MAML(mlp(4, 3), steps=1, lr=0.1)
    predictor = method.fit(task.support)
    grads = torch.autograd.grad(predictor(task.query.x).sum(), [*method.parameters()])
    assert all(g.any() for g in grads)
    assert not any(p.requires_grad for p in copy.deepcopy(predictor).adapted.values())


def test_a_predictor_shows_itself_in_a_line():
    assert repr(MAML(mlp(4, 3)).fit(one().support)) == "<Predictor: MAML, 3 ways>"
    regression = MAML(mlp(1, 1), loss=F.mse_loss).fit(one_task(waves(), 0).support)
    assert repr(regression) == "<Predictor: MAML, regression>"


def test_the_answers_of_fit_are_those_of_the_stack_in_eval_mode():
    torch.manual_seed(0)
    method, stack = MAML(dropping(), steps=2, lr=0.1), clusters()
    fitted = torch.stack([method.fit(one_task(stack, i).support)(one_task(stack, i).query.x) for i in range(3)])
    torch.testing.assert_close(fitted, predictions(method.eval(), stack))


@pytest.mark.parametrize("make", META_LEARNERS.values(), ids=META_LEARNERS)
def test_a_single_query_without_the_dimension_of_the_batch(make):
    tasks = waves() if inspect.unwrap(make().loss) is F.mse_loss else clusters()
    task = one_task(tasks, 0)
    predictor = make().fit(task.support)
    with pytest.raises(ValueError, match=r"^x has shape \(\d,\), as a single query; expected .*, \(m, \d\)\. Give x\["):
        predictor(task.query.x[0])
    assert predictor(task.query.x[0][None]).shape == (1, predictor(task.query.x).shape[1])


@pytest.mark.parametrize("make", [lambda: Prototypical(mlp(4, 8)), lambda: MAML(mlp(4, 8, 3), steps=1)])
def test_inputs_of_another_width_than_the_first_layer(make):
    """In fit, in its answers, and in a stack."""
    method, task = make(), one()
    narrow = task.support._replace(x=task.support.x[:, :3])
    name = type(method).__name__
    says = rf"^x has shape \(.*, 3\), 3 features each; a layer of {name} takes 4\. .* as in mlp\(3, 32\)\.$"
    with pytest.raises(ValueError, match=says):
        method.fit(narrow)
    with pytest.raises(ValueError, match=says):
        method.fit(task.support)(task.query.x[:, :3])
    stack = clusters()
    with pytest.raises(ValueError, match=says):
        method(stack._replace(support=narrow_of(stack.support), query=narrow_of(stack.query)))


def narrow_of(examples):
    return examples._replace(x=examples.x[..., :3])


def test_a_width_that_is_wrong_inside_of_a_network_is_left_to_torch():
    wrong = Prototypical(nn.Sequential(nn.Linear(4, 8), nn.Linear(16, 3)))
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        wrong.fit(one().support)

import copy
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from metalearn_course import (
    MAML,
    Examples,
    FineTuned,
    MetaLearner,
    NearestNeighbor,
    Task,
    conv4,
    linear,
    mlp,
)
from metalearn_course.evaluation import evaluate, predictions
from metalearn_course.tasks.point_clouds import PointClouds
from metalearn_course.tasks.task import one_task, stack_tasks
from tests.contract.registry import META_LEARNERS
from tests.helpers.tasks import clusters, waves

# --- MAML against algebra


def regression_task(inputs=3, shots=4, queries=5):
    x, y = (
        torch.randn(shots + queries, inputs, dtype=torch.float64),
        torch.randn(shots + queries, 1, dtype=torch.float64),
    )
    return Task(Examples(x[:shots], y[:shots]), Examples(x[shots:], y[shots:]), torch.empty(0, dtype=torch.int64))


@pytest.mark.parametrize("first_order", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 4])
def test_maml_meta_gradient_matches_closed_form_on_a_linear_learner(steps, first_order):
    """L_S(t) = |A t - a|^2 / n is quadratic, so t_k = t_0 - lr sum of gradients has the Jacobian (I - lr H)^k."""
    lr, tasks = 0.07, [regression_task() for _ in range(3)]
    maml = MAML(linear(3, 1), steps=steps, lr=lr, loss=F.mse_loss, first_order=first_order).double()
    maml(stack_tasks(tasks)).mean().backward()
    learner = maml.learner[-1]
    expected = torch.zeros(4, dtype=torch.float64)
    for (x_s, y_s), (x_q, y_q), _ in tasks:
        a, b = (torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1) for x in (x_s, x_q))
        theta = torch.cat([learner.weight[0], learner.bias]).detach()
        hessian = 2 / len(a) * a.T @ a
        for _ in range(steps):
            theta = theta - lr * 2 / len(a) * a.T @ (a @ theta - y_s[:, 0])
        outer = 2 / len(b) * b.T @ (b @ theta - y_q[:, 0])
        jacobian = torch.linalg.matrix_power(torch.eye(4, dtype=a.dtype) - lr * hessian, steps)
        expected += (outer if first_order else jacobian.T @ outer) / len(tasks)
    got = torch.cat([learner.weight.grad[0], learner.bias.grad])
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)


def test_maml_adapts_as_torch_optim_would():
    maml, task = MAML(mlp(4, 8, 3), steps=5, lr=0.1), one_task(clusters(), 0)
    adapted = maml.adapt(task.support)
    copied = copy.deepcopy(maml.learner)
    optimizer = torch.optim.SGD(copied.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        F.cross_entropy(copied(task.support.x), task.support.y).backward()
        optimizer.step()
    for name, p in copied.named_parameters():
        torch.testing.assert_close(adapted[name], p)


def test_maml_with_a_negative_number_of_steps_is_refused():
    with pytest.raises(ValueError, match=r"steps=-1; expected at least 0, a whole number\. Change steps"):
        MAML(mlp(1, 1), steps=-1)


# --- FineTuned against a pooled data set and torch.optim


def test_pretraining_is_regression_on_the_points_of_all_tasks_pooled():
    tuned, tasks = FineTuned(mlp(1, 8, 1), loss=F.mse_loss), waves(7)
    x = torch.cat([tasks.support.x, tasks.query.x], 1).reshape(-1, 1)
    y = torch.cat([tasks.support.y, tasks.query.y], 1).reshape(-1, 1)
    torch.testing.assert_close(tuned(tasks).mean(), (tuned.learner(x) - y).square().mean())


def test_pretraining_classifies_under_global_ids():
    tuned, tasks = FineTuned(mlp(4, 8), features=8, classes=50), clusters()
    tasks = tasks._replace(classes=torch.tensor([[40, 7, 11], [7, 49, 0], [3, 2, 1]]))
    x = torch.cat([tasks.support.x, tasks.query.x], 1).flatten(0, 1)
    local = torch.cat([tasks.support.y, tasks.query.y], 1)
    ids = [tasks.classes[task, label].item() for task, row in enumerate(local.tolist()) for label in row]
    expected = F.cross_entropy(tuned.head(tuned.learner(x)), torch.tensor(ids))
    torch.testing.assert_close(tuned(tasks).mean(), expected)


def test_fine_tuning_equals_torch_optim_on_a_copy_with_a_new_zero_head():
    tuned, task = FineTuned(mlp(4, 8), steps=6, lr=0.1, features=8, classes=50), one_task(clusters(), 0)
    head = nn.Linear(8, 3)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    copied = nn.Sequential(copy.deepcopy(tuned.learner), head)
    optimizer = torch.optim.SGD(copied.parameters(), lr=0.1)
    for _ in range(6):
        optimizer.zero_grad()
        F.cross_entropy(copied(task.support.x), task.support.y).backward()
        optimizer.step()
    torch.testing.assert_close(tuned.fit(task.support)(task.query.x), copied(task.query.x), rtol=1e-4, atol=1e-6)


def test_fine_tuned_needs_features_and_classes_together():
    with pytest.raises(ValueError, match="features=8, classes=None; give both"):
        FineTuned(mlp(4, 8), features=8)


def test_fine_tuned_refuses_a_global_id_beyond_its_head():
    tuned, tasks = FineTuned(mlp(4, 8), features=8, classes=5), clusters()
    with pytest.raises((IndexError, RuntimeError, ValueError)):
        tuned(tasks._replace(classes=tasks.classes + 3))


# --- NearestNeighbor against scikit-learn


@pytest.mark.parametrize(("embedded", "offset"), [(False, 0), (True, 0), (False, 1_000)])
def test_nearest_neighbor_answers_as_scikit_learn(embedded, offset):
    """Far from the origin too, where |a|^2 - 2ab + |b|^2 loses the difference to rounding."""
    embedding = mlp(4, 8) if embedded else None
    method, task = NearestNeighbor(embedding), one_task(clusters(ways=5, shots=3, queries=40), 0)
    task.support.x.add_(offset)
    task.query.x.add_(offset)
    features = embedding if embedded else nn.Flatten()
    with torch.no_grad():
        known, asked = features(task.support.x).numpy(), features(task.query.x).numpy()
        answers = method.fit(task.support)(task.query.x).argmax(-1)
    reference = KNeighborsClassifier(1).fit(known, task.support.y.numpy())
    np.testing.assert_array_equal(answers.numpy(), reference.predict(asked))


def test_nearest_neighbors_logit_is_minus_the_squared_distance_to_the_nearest_example_of_a_class():
    support = Examples(torch.tensor([[0.0, 0.0], [3.0, 4.0], [1.0, 0.0]]), torch.tensor([0, 1, 1]))
    logits = NearestNeighbor().fit(support)(torch.tensor([[0.0, 0.0], [3.0, 0.0]]))
    torch.testing.assert_close(logits, torch.tensor([[0.0, -1.0], [-9.0, -4.0]]), rtol=1e-5, atol=1e-5)


def test_nearest_neighbor_freezes_its_own_copy_and_not_the_callers_network():
    embedding = mlp(4, 8)
    method = NearestNeighbor(embedding)
    assert not any(p.requires_grad for p in method.parameters())
    assert all(p.requires_grad for p in embedding.parameters())


def test_tasks_of_unequal_size_come_as_a_list():
    method = MAML(mlp(4, 8, 3), steps=2, lr=0.1)
    small, large = one_task(clusters(shots=1), 0), one_task(clusters(shots=5, queries=2), 1)
    losses = method([small, large])
    torch.testing.assert_close(losses, torch.stack([method.objective(small), method.objective(large)]))


ORDER = torch.tensor([2, 0, 1])


@pytest.mark.parametrize("name", ["MAML, kinks", "FineTuned", "NearestNeighbor"])
def test_permuted_labels_permute_the_answers(name):
    """Label l becomes ORDER[l]. MAML's head is part of its start, so its rows move along; others have none."""
    method, task = META_LEARNERS[name](), one_task(clusters(), 0)
    before = method.fit(task.support)(task.query.x)
    if isinstance(method, MAML):
        head, rows = method.learner[-1], ORDER.argsort()
        with torch.no_grad():
            head.weight.copy_(head.weight[rows].clone())
            head.bias.copy_(head.bias[rows].clone())
    after = method.fit(Examples(task.support.x, ORDER[task.support.y]))(task.query.x)
    torch.testing.assert_close(after[:, ORDER], before)


# --- what a stack must not contain, and what must not be in the learner


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("call", ["forward", "fit", "evaluate"])
def test_running_statistics_under_vmap_are_refused_by_name(train, call):
    maml = MAML(nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))).train(train)
    before = maml.learner[1].running_mean.clone()
    calls = {
        "forward": lambda: maml(clusters()),
        "fit": lambda: maml.fit(one_task(clusters(), 0).support),
        "evaluate": lambda: evaluate(maml, PointClouds(), episodes=2),
    }
    with pytest.raises(TypeError, match=r"^learner\.1 \(BatchNorm1d\) keeps running statistics.* norm without them"):
        calls[call]()
    assert torch.equal(maml.learner[1].running_mean, before)
    nn.BatchNorm1d(6)(torch.randn(3, 6))  # elsewhere it works as ever


@pytest.mark.parametrize("train", [True, False])
def test_running_statistics_in_embed_are_welcome(train):
    method = NearestNeighbor(nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6))).train(train)
    task = one_task(clusters(), 0)
    assert method(clusters()).shape == (3,)
    assert method.fit(task.support)(task.query.x).shape == (12, 3)


def test_conv4_with_batch_statistics_passes_under_vmap():
    maml = MAML(conv4(2, width=8, norm="batch"), lr=0.1)
    images, y = Examples(torch.rand(2, 4, 1, 28, 28), torch.tensor([[0, 1, 0, 1]] * 2)), torch.tensor([[4, 5]] * 2)
    assert maml(Task(images, images, y)).isfinite().all()


def test_labels_out_of_range_are_refused_before_vmap():
    stack = clusters()
    stack.support.y[1, 0] = 7
    with pytest.raises(ValueError, match=r"support label 7 is out of range; a 3-way episode has labels 0 \.\.\. 2"):
        MAML(mlp(4, 3))(stack)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 2, 2, 0, 2, 0], "Label 1 has no support example"),
        ([], "The support set is empty"),
        ([0, -1], "label -1 is out"),
    ],
)
def test_fit_refuses_bad_support_sets(labels, message):
    support = Examples(torch.randn(len(labels), 4), torch.tensor(labels, dtype=torch.int64))
    with pytest.raises(ValueError, match=message):
        NearestNeighbor().fit(support)


def test_predictors_of_different_ways_answer_right_in_turn():
    """Of one method, whose answers have to be those of methods that were never asked for another number of classes."""
    method = NearestNeighbor()
    tasks = {ways: one_task(clusters(ways=ways), 0) for ways in (3, 5)}
    predictors = {ways: method.fit(task.support) for ways, task in tasks.items()}
    for ways in (3, 5, 5, 3):
        answers = predictors[ways](tasks[ways].query.x)
        assert answers.shape == (4 * ways, ways)
        torch.testing.assert_close(answers, NearestNeighbor().fit(tasks[ways].support)(tasks[ways].query.x))


def test_two_threads_with_tasks_of_different_ways_do_not_meet():
    method = Slow()
    with ThreadPoolExecutor(4) as pool:
        shapes = pool.map(lambda ways: predictions(method, clusters(ways=ways)).shape[-1], [3, 5, 4, 2] * 3)
    assert [*shapes] == [3, 5, 4, 2] * 3


class Slow(NearestNeighbor):
    """Gives other threads time between two looks at the number of classes."""

    def adapt(self, support):
        before = self.ways
        time.sleep(0.01)
        assert self.ways == before
        return super().adapt(support)


def test_ways_are_known_while_tasks_are_at_hand_only():
    method = NearestNeighbor()
    predictions(method, clusters(ways=3))
    with pytest.raises(RuntimeError, match=r"NearestNeighbor\.ways is known while tasks are at hand only"):
        _ = method.ways


@pytest.mark.parametrize("call", ["adapt", "predict"])
def test_a_meta_learner_without_adapt_or_predict_says_what_is_missing(call):
    class Half(MetaLearner):
        pass

    with pytest.raises(NotImplementedError, match=f"Half needs {call}[(]"):
        Half().adapt(None) if call == "adapt" else Half().predict(None, None)

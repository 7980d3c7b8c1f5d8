"""Methods that gather a set, NeuralProcess and MetaNetworks: against torch.distributions, Bayes, gradients by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal

from metalearn_course import (
    Examples,
    MetaNetworks,
    NeuralProcess,
    Task,
    evaluate,
    meta_train,
)
from metalearn_course.meta_learners.meta_networks import FastWeights
from metalearn_course.tasks.point_clouds import PointClouds
from metalearn_course.tasks.task import one_task
from tests.helpers.tasks import clusters, waves


def process():
    return NeuralProcess(width=8)


def networks(hidden=6):
    return MetaNetworks(4, 3, hidden=hidden)


METHODS = {"NeuralProcess": (process, waves), "MetaNetworks": (networks, clusters)}
methods = pytest.mark.parametrize(("make", "tasks"), METHODS.values(), ids=METHODS)


# --- what both have


@methods
def test_neither_the_order_nor_a_repetition_of_the_support_set_matters(make, tasks):
    """Any order, not only the reversed one; and the whole set three times over says what it said once."""
    method, task = make(), one_task(tasks(shots=5), 0)
    (x, y), answers = task.support, method.fit(task.support)(task.query.x)
    assert not method.order_matters
    for order in (torch.randperm(len(x)), torch.arange(len(x)).repeat(3), torch.randperm(3 * len(x)) % len(x)):
        again = method.fit(Examples(x[order], y[order]))(task.query.x)
        torch.testing.assert_close(again, answers, rtol=1e-4, atol=1e-5)


# --- neural process


def test_the_objective_is_the_likelihood_that_torch_gives_a_normal_distribution():
    """Support and query points together; mean and deviation are read off the decoder here."""
    method, task = (
        NeuralProcess(inputs=2, outputs=3, width=8),
        Task(
            Examples(torch.randn(4, 2), torch.randn(4, 3)),
            Examples(torch.randn(5, 2), torch.randn(5, 3)),
            torch.empty(0, dtype=torch.int64),
        ),
    )
    vectors = [method.encoder(torch.cat([x, y])[None])[0] for x, y in zip(*task.support, strict=True)]
    r = sum(vectors) / 4
    log_p = []
    for x, y in (*zip(*task.support, strict=True), *zip(*task.query, strict=True)):
        out = method.decoder(torch.cat([x, r])[None])[0]
        deviation = 0.1 + 0.9 * torch.log1p(out[3:].exp())
        log_p.append(Normal(out[:3], deviation).log_prob(y))
    torch.testing.assert_close(method([task])[0], -torch.stack(log_p).mean())
    torch.testing.assert_close(method.fit(task.support).adapted, r)


def test_a_single_context_point_is_its_own_average():
    method, task = process(), one_task(waves(shots=1), 0)
    predictor = method.fit(task.support)
    alone = method.encoder(torch.cat([task.support.x, task.support.y], -1))[0]
    torch.testing.assert_close(predictor.adapted, alone)
    mean, deviation = method.distribution(predictor.adapted, task.query.x)
    assert torch.equal(predictor(task.query.x), mean)
    assert mean.shape == deviation.shape == (6, 1) and deviation.isfinite().all()


def test_a_deviation_never_falls_below_a_tenth():
    """Or one point predicted exactly would have an infinite likelihood, and nothing else would count."""
    method = process()
    with torch.no_grad():
        method.decoder[-1].bias.copy_(torch.tensor([0.0, -1e4]))
    mean, deviation = method.distribution(torch.zeros(8), torch.zeros(2, 1))
    torch.testing.assert_close(deviation, torch.full((2, 1), 0.1))
    exact = Task(*[Examples(torch.zeros(1, 1), mean[:1].detach())] * 2, torch.empty(0, dtype=torch.int64))
    bound = -Normal(0.0, 0.1).log_prob(torch.tensor(0.0)).item()
    assert method([exact]).item() >= bound - 1e-5


class Levels:
    """y is a level of the task, from N(0, 1), plus noise from N(0, 1): what 3 points say is known in closed form."""

    protocol = "levels"

    def sample(self, tasks, generator):
        x, noise = (torch.randn(tasks, 63, 1, generator=generator) for _ in range(2))
        y = torch.randn(tasks, 1, 1, generator=generator) + noise
        support, query = (Examples(x[:, part], y[:, part]) for part in (slice(3), slice(3, None)))
        return Task(support, query, torch.empty(tasks, 0, dtype=torch.int64))


def test_training_finds_the_answer_of_bayes():
    """Mean sum(y) / (3 + 1), not the average sum(y) / 3; variance 1 + 1 / (3 + 1). Untrained: off by 0.9."""
    method, stack = NeuralProcess(width=16), Levels().sample(200, torch.Generator().manual_seed(5))
    meta_train(method, Levels(), 400, meta_batch=16, lr=1e-2, anneal=True, progress=False)
    errors, deviations = [], []
    for i in range(200):
        support = one_task(stack, i).support
        mean, deviation = method.distribution(method.fit(support).adapted, torch.zeros(1, 1))
        errors.append(mean.item() - support.y.sum().item() / 4)
        deviations.append(deviation.item())
    assert math.sqrt(sum(e**2 for e in errors) / 200) < 0.15
    assert sum(deviations) / 200 == pytest.approx(math.sqrt(1 + 1 / 4), abs=0.06)


# --- Meta Networks: gradients


def two_numbers(g, p=7):
    """Andrychowicz et al. (2016), the formula of their appendix, for one number."""
    return [math.log(abs(g)) / p, math.copysign(1, g)] if abs(g) >= math.exp(-p) else [-1.0, math.exp(p) * g]


def gradients_by_hand(method, x, y):
    """Of one example's cross-entropy, h = relu(Wx): (V^T (p - e_y) where Wx > 0) x^T for W, (p - e_y) h^T for V."""
    w, v = method.hidden.weight, method.answer.weight
    h = (w @ x).clamp_min(0)
    error = (v @ h).exp() / (v @ h).exp().sum()
    error = error - torch.eye(len(v), dtype=x.dtype)[y]
    return torch.outer(v.T @ error * (w @ x > 0), x), torch.outer(error, h)


def fast_by_hand(method, gradient):
    """Every number of a gradient alone through the two numbers and the small network."""
    first, last = method.fast[0], method.fast[2]
    fast = torch.empty_like(gradient)
    for i, row in enumerate(gradient.tolist()):
        for j, g in enumerate(row):
            hidden = (first.weight @ torch.tensor(two_numbers(g), dtype=gradient.dtype) + first.bias).clamp_min(0)
            fast[i, j] = last.weight[0] @ hidden + last.bias[0]
    return fast


@torch.no_grad()
def test_fast_weights_are_gradients_by_hand_through_the_small_network():
    method, (x, y) = networks().double(), one_task(clusters(), 0).support
    x = x.double()
    keys, hidden, answer = method.fit(Examples(x, y)).adapted
    assert hidden.shape == (6, 6, 4) and answer.shape == (6, 3, 6)
    sizes = []
    for i in range(6):
        for fast, gradient in zip((hidden[i], answer[i]), gradients_by_hand(method, x[i], y[i]), strict=True):
            torch.testing.assert_close(fast, fast_by_hand(method, gradient))
            sizes.append(gradient.abs().flatten())
        torch.testing.assert_close(keys[i], method.key.weight @ x[i] + method.key.bias)
    sizes = torch.cat(sizes)
    assert (sizes == 0).any() and (sizes > 0.1).any()  # both branches of log_and_sign were met


def test_an_example_says_nothing_about_another_ones_fast_weights():
    """Fast weights of one example are those it gets alone among others (of labels as many)."""
    method, (x, y) = networks(), one_task(clusters(), 0).support
    other = torch.cat([x[:1], torch.randn(5, 4)])
    for ours, theirs in zip(method.fit(Examples(x, y)).adapted, method.fit(Examples(other, y)).adapted, strict=True):
        torch.testing.assert_close(ours[0], theirs[0])
        assert not torch.allclose(ours[1:], theirs[1:])


# --- Meta Networks: reading


@torch.no_grad()
def test_a_query_gathers_fast_weights_by_attention_and_adds_them_layer_by_layer():
    """Written out for one query after another: cosines of keys, their softmax, sums of fast weights, two layers."""
    method, task = MetaNetworks(4, 3, hidden=6, scale=3), one_task(clusters(), 0)
    predictor = method.fit(task.support)
    keys, hidden, answer = predictor.adapted
    for x, logits in zip(task.query.x, predictor(task.query.x), strict=True):
        key = method.key(x)
        scores = [math.exp(3 * F.cosine_similarity(key, k, dim=0)) for k in keys]
        attention = [s / sum(scores) for s in scores]
        fast_hidden, fast_answer = (
            sum(a * one for a, one in zip(attention, fast, strict=True)) for fast in (hidden, answer)
        )
        h = (method.hidden.weight @ x).relu() + (fast_hidden @ x).relu()
        torch.testing.assert_close(method.answer.weight @ h + fast_answer @ h, logits, rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("scale", [0.0, 1.0, 10.0, 1e4])
def test_attention_sums_to_one(scale):
    """Where all examples left the same fast weights, a query has these, whatever it attends to."""
    method, x = MetaNetworks(4, 3, hidden=6, scale=scale), torch.randn(7, 4)
    hidden, answer = torch.randn(6, 4), torch.randn(3, 6)
    with method.at_work(ways=3):
        logits = method.predict(FastWeights(torch.randn(9, 4), hidden.expand(9, 6, 4), answer.expand(9, 3, 6)), x)
    h = (x @ method.hidden.weight.T).relu() + (x @ hidden.T).relu()
    torch.testing.assert_close(logits, h @ (method.answer.weight + answer).T, rtol=1e-4, atol=1e-5)


# --- Meta Networks: labels

ORDER = torch.tensor([2, 0, 1])


def renamed(support):
    return Examples(support.x, ORDER[support.y])


def test_labels_are_tied_to_the_slow_answer_weights_alone():
    """The small network is the same for every weight, so only rows of the slow answer weights tell labels apart.

    Renamed labels with these rows moved along give renamed answers, exactly; renamed labels alone do not.
    """
    method, task = networks(), one_task(clusters(), 0)
    answers = method.fit(task.support)(task.query.x)
    assert (method.fit(renamed(task.support))(task.query.x)[:, ORDER] - answers).abs().max() > 1e-3
    with torch.no_grad():
        method.answer.weight.copy_(method.answer.weight[ORDER.argsort()].clone())
    moved = method.fit(renamed(task.support))(task.query.x)
    torch.testing.assert_close(moved[:, ORDER], answers)


def test_with_equal_rows_of_slow_answer_weights_renamed_labels_rename_the_answers():
    method, task = networks(), one_task(clusters(), 0)
    with torch.no_grad():
        method.answer.weight.copy_(method.answer.weight[:1].expand(3, -1).clone())
    answers, others = (method.fit(s)(task.query.x) for s in (task.support, renamed(task.support)))
    torch.testing.assert_close(others[:, ORDER], answers)
    assert (answers[:, 0] - answers[:, 1]).abs().max() > 1e-3


def test_fewer_ways_than_it_was_built_for_are_answered_among_those():
    task = one_task(clusters(ways=2), 0)
    assert networks().fit(task.support)(task.query.x).shape == (8, 2)


def test_a_frozen_embedding_turns_images_into_features_and_features_pass():
    embedding = nn.Sequential(nn.Flatten(), nn.Linear(6, 4))
    method, images = MetaNetworks(4, 3, embedding=embedding), torch.randn(5, 2, 3)
    torch.testing.assert_close(method.embed(images), embedding(images))
    assert torch.equal(method.embed(torch.ones(5, 4)), torch.ones(5, 4))
    assert not any(p.requires_grad for p in method.embedding.parameters())


def test_some_training_tells_clouds_apart():
    """Chance is 1/2; untrained, accuracies lie between 0.15 and 0.66."""
    method, tasks = MetaNetworks(4, 2, hidden=16), PointClouds(ways=2)
    meta_train(method, tasks, steps=150, meta_batch=16, lr=5e-3, progress=False)
    assert evaluate(method, tasks, episodes=100).mean > 0.8

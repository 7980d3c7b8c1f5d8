"""Lesson 08's numbers against other referees: formulas, torch.optim, a training step by step."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from metalearn_course.meta_learners import TrainedBy
from metalearn_course.studies.responses import Responses, signed_log, update_responses
from metalearn_course.studies.step_frames import step_frames
from metalearn_course.tasks import Examples, Quadratics, summed_squares
from metalearn_course.tasks.task import one_task
from metalearn_course.update_rules import SGD, Adam, MLPOptimizer, Params
from tests.helpers.asked import GRADIENTS, STEPS, D, answered, asked, learned, losses, trainer


def first_support(seed: int = 0) -> Examples:
    return one_task(Quadratics(D).sample(3, torch.Generator().manual_seed(seed)), 0).support


def test_sgd_answers_minus_the_rate_times_the_gradient_at_every_step() -> None:
    for gradients in (GRADIENTS, None):
        found = asked({"SGD": SGD(0.03)}, gradients=gradients)
        expected = (-0.03 * found.gradients).expand(len(STEPS), -1)
        assert torch.allclose(found.updates["SGD"], expected, rtol=1e-8, atol=1e-15)
    assert found.gradients.min() == -100 and found.gradients.max() == 100 and (found.gradients == 0).sum() == 1
    assert found.gradients[found.gradients > 0].min().item() == pytest.approx(1e-6)


@pytest.mark.parametrize("coordinate", [0, 2])
def test_adam_answers_as_torch_does_after_the_same_gradients(coordinate: int) -> None:
    rule = Adam(0.1, epsilon=1e-24)  # inside the root; torch's stands outside
    found = asked({"Adam": rule}, gradients=GRADIENTS, coordinate=coordinate)
    history = [step.grads["weight"][0, coordinate].item() for step in trainer(rule).trace(first_support()).steps]
    for k, answers in zip(STEPS, found.updates["Adam"], strict=True):
        for gradient, update in zip(GRADIENTS.tolist(), answers.tolist(), strict=True):
            theta = torch.zeros(1, dtype=torch.float64, requires_grad=True)
            optimizer = torch.optim.Adam([theta], lr=0.1, eps=1e-12)
            for g in [*history[: k - 1], gradient]:
                before = theta.item()
                theta.grad = torch.tensor([g], dtype=torch.float64)
                optimizer.step()
            assert update == pytest.approx(theta.item() - before, rel=1e-4)  # history is float32


def test_the_answer_to_the_gradient_that_came_is_the_update_that_came() -> None:
    rules = {"SGD": SGD(0.02), "Adam": Adam(0.2), "LSTM": learned(), "MLP": MLPOptimizer(hidden=4)}
    for coordinate in (0, 3):
        for name, rule in rules.items():
            trace = trainer(rule).trace(first_support())
            thetas = [step.params["weight"][0, coordinate].item() for step in trace.steps]
            thetas.append(trace.params["weight"][0, coordinate].item())
            for i, k in enumerate(STEPS):
                gradient = trace.steps[k - 1].grads["weight"][0, coordinate]
                found = asked({name: rule}, gradients=gradient[None].double(), coordinate=coordinate)
                came, update = thetas[k] - thetas[k - 1], found.updates[name][i].item()
                assert update == pytest.approx(came, rel=1e-3, abs=1e-6)
                assert found.actual(name)[i].tolist() == pytest.approx([gradient.item(), came], rel=1e-3, abs=1e-6)


class Herd:
    """Every coordinate steps by the sum of all gradients, and by how often it was asked."""

    def init(self, params: Params) -> torch.Tensor:
        return next(iter(params.values())).new_zeros(())

    def update(self, params: Params, grads: Params, state, loss):
        total = sum(g.sum() for g in grads.values())
        return {k: p - 0.01 * total - state + 0.1 * loss for k, p in params.items()}, state + 1


def test_only_the_gradient_of_one_coordinate_is_replaced() -> None:
    found = asked({"herd": Herd()}, gradients=GRADIENTS, coordinate=1)
    for i in range(len(STEPS)):
        gradient, update = found.actual("herd")[i]
        assert torch.allclose(found.updates["herd"][i], update - 0.01 * (GRADIENTS - gradient), rtol=1e-9)


def test_all_rules_meet_the_same_problems_from_the_same_start_and_stay_as_they_are() -> None:
    lstm = learned()
    weights = {name: p.clone() for name, p in lstm.named_parameters()}
    fresh = TrainedBy(nn.Linear(D, 1, bias=False), SGD(0.1), loss=summed_squares)
    before = torch.random.get_rng_state()
    rules = {"SGD": SGD(0.01), "LSTM": lstm}
    first, again = (update_responses(rules, fresh, Quadratics(D), (1, 2), problems=5) for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert first.pairs["SGD"].shape == (2, 5, D, 2)
    assert torch.equal(first.pairs["SGD"][0, ..., 0], first.pairs["LSTM"][0, ..., 0])
    assert not torch.equal(first.pairs["SGD"][1, ..., 0], first.pairs["LSTM"][1, ..., 0])
    assert torch.equal(first.updates["LSTM"], again.updates["LSTM"])
    assert lstm.training and all(torch.equal(p, weights[name]) for name, p in lstm.named_parameters())
    assert (first.pairs["SGD"][..., 1] + 0.01 * first.pairs["SGD"][..., 0]).abs().max() < 1e-9


def test_mini_batches_are_met_in_the_trainers_order() -> None:
    found = update_responses({"SGD": SGD(0.01)}, trainer(batch=2), Quadratics(D), (1, 2, 3), problems=1)
    theta, tasks = torch.full((1, D), 0.5), Quadratics(D).sample(1, torch.Generator().manual_seed(0))
    support = one_task(tasks, 0).support
    for i, rows in enumerate((slice(0, 2), slice(2, 4), slice(0, 2))):
        x, y = support.x[rows], support.y[rows]
        gradient = 2 * (theta @ x.T - y.T) @ x
        assert torch.allclose(found.pairs["SGD"][i, 0, :, 0], gradient[0].double(), rtol=1e-4, atol=1e-5)
        theta = theta - 0.01 * gradient


def test_the_signed_logarithm_is_odd_rises_and_gives_every_decade_the_same_room() -> None:
    x = np.array([0, 1e-7, 1e-6, 1e-4, 0.01, 1.0, 100.0])
    places = signed_log(x)
    assert places[0] == 0 and (np.diff(places) > 0).all()
    assert signed_log(-x).tolist() == (-places).tolist()
    assert np.diff(places[3:]) == pytest.approx([2, 2, 2], abs=0.01)
    assert signed_log(9.0, smallest=1.0) == pytest.approx(1.0)


@pytest.fixture(scope="module")
def responses() -> Responses:
    return answered()


def test_the_mean_loss_and_its_interval_are_those_of_the_curves(responses: Responses) -> None:
    values = losses()
    frames = step_frames(responses, {"SGD": values}, horizon=20)
    json.dumps(frames, allow_nan=False)
    [line] = frames["curves"]
    assert line["steps"][0] == 0 and line["steps"][-1] == 30 and not frames["log"]
    half = 1.96 * values.std(0) / math.sqrt(6)
    for part, expected in (("mean", values.mean(0)), ("low", values.mean(0) - half), ("high", values.mean(0) + half)):
        assert line[part] == pytest.approx(expected[line["steps"]].tolist(), rel=1e-4)
    longer = step_frames(responses, {"SGD": losses(steps=2000)}, horizon=20)
    shown = longer["curves"][0]["steps"]
    assert longer["log"] and shown[0] == 1 and shown[-1] == 2000 and len(shown) < 150
    assert {*STEPS, 20} <= set(shown)


def test_frames_hold_what_was_asked_and_axes_hold_nearly_all_that_came(responses: Responses) -> None:
    frames = step_frames(responses, {}, horizon=20)
    for rule, (name, updates) in zip(frames["rules"], responses.updates.items(), strict=True):
        assert rule["name"] == name and np.array(rule["updates"]) == pytest.approx(updates.numpy(), rel=1e-4)
        for k, pair in enumerate(responses.actual(name)):
            assert rule["actual"][k] == pytest.approx([float(signed_log(pair[0])), *pair.tolist()], rel=1e-4)
            assert abs(pair[1]) < frames["reach"][k]
            came = responses.pairs[name][k, ..., 1].abs()
            assert (came <= frames["reach"][k]).double().mean() >= 0.9


def test_what_diverges_is_none_and_counted(responses: Responses) -> None:
    bad = losses()
    bad[2, 11:] = torch.inf
    worse = torch.full((6, 31), torch.nan)
    rising = losses(end=1e30)
    frames = step_frames(responses, {"SGD": bad, "Adam": worse, "learned LSTM": rising}, 20)
    json.dumps(frames, allow_nan=False)
    line = frames["curves"][0]
    assert [step for step, mean in zip(line["steps"], line["mean"], strict=True) if mean is None] == [*range(11, 31)]
    assert line["diverged"] == 1 and frames["range"][1] < 1e3


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: asked({"SGD": SGD(0.1)}, steps=()), r"steps=\(\); expected numbers of updates from 1"),
        (lambda: asked({"SGD": SGD(0.1)}, steps=(0, 1)), r"steps=\(0, 1\)"),
        (lambda: asked({"SGD": SGD(0.1)}, steps=(3, 1)), "each once and in order"),
        (lambda: asked({"SGD": SGD(0.1)}, coordinate=4), "the learner has 4 weights. Choose one of 0 to 3"),
        (lambda: asked({"SGD": SGD(0.1)}, problems=0), "problems=0"),
        (lambda: step_frames(asked({"SGD": SGD(0.1)}), {"SGD": torch.zeros(5)}, 9), r"has shape \(5,\)"),
        (lambda: step_frames(asked({"SGD": SGD(0.1)}), {}, 0), "horizon=0"),
    ],
)
def test_wrong_input_is_named(wrong, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wrong()

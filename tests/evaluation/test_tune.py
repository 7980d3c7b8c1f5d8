"""tune, against problems whose best rate is known in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from metalearn_course import SGD, Examples, Momentum, Quadratics, Task, TrainedBy, Tuned, check_tasks, curves, tune
from metalearn_course.tasks.quadratics import summed_squares


class Bowls:
    """f(theta) = h theta^2 with h = 1 and h = 4 in turn: from theta = 1, a step of rate r leaves h (1 - 2 h r)^2."""

    protocol = "two bowls"

    def __init__(self):
        self.seeds = []

    def sample(self, tasks, generator):
        self.seeds.append(generator.initial_seed())
        x = torch.tensor([1.0, 2.0]).repeat(tasks)[:tasks].view(tasks, 1, 1)
        examples = Examples(x, torch.zeros(tasks, 1, 1))
        return Task(examples, examples, torch.empty(tasks, 0, dtype=torch.int64))


def left(rate):
    return ((1 - 2 * rate) ** 2 + 4 * (1 - 8 * rate) ** 2) / 2


BEST = 17 / 130  # where its derivative, -2 (1 - 2 r) - 32 (1 - 8 r), is zero


@pytest.fixture
def trainer():
    """Begins at theta = 1, and takes one step."""
    learner = nn.Linear(1, 1, bias=False)
    nn.init.ones_(learner.weight)
    return TrainedBy(learner, SGD(0.1), steps=1, loss=summed_squares, fresh_start=False)


@pytest.mark.parametrize("grid", [(0.01, 0.1, 1), (1e-5, 1e-4), (30, 300), (0.1, 0.13, 0.17), [1, 0.01, 0.1, 0.1]])
def test_the_best_rate_of_two_bowls_is_bracketed_from_wherever_the_grid_lies(trainer, grid):
    tuned = tune(SGD, grid, Bowls(), trainer)
    values = list(tuned.tried)
    assert values == sorted(values) and set(map(float, grid)) <= set(values) and len(values) <= 16
    assert tuned.tried == pytest.approx({rate: left(rate) for rate in values}, rel=1e-5)
    assert tuned.loss == tuned.tried[tuned.value] == min(tuned.tried.values())
    at = values.index(tuned.value)
    assert values[at - 1] < BEST < values[at + 1]  # the loss is convex: the optimum is between the neighbors
    assert values[at] / values[at - 1] < 1.41 and values[at + 1] / values[at] < 1.41
    assert tuned.rule == SGD(tuned.value)


def test_a_grid_that_is_fine_enough_and_has_the_best_inside_is_all_that_is_tried(trainer):
    assert list(tune(SGD, (0.1, 0.14, 0.196), Bowls(), trainer, trials=3).tried) == [0.1, 0.14, 0.196]


def test_a_grid_is_widened_by_its_own_ratio(trainer):
    tried = list(tune(SGD, (0.001, 0.002), Bowls(), trainer).tried)
    assert tried[:7] == pytest.approx([0.001 * 2**i for i in range(7)])


def test_every_value_meets_the_same_problems_and_none_of_the_held_out_ones(trainer):
    bowls = Bowls()
    check_tasks(bowls)  # looks at two tasks, twice, once and for all
    bowls.seeds.clear()
    tuned = tune(SGD, (0.1, 0.2), bowls, trainer, problems=200, seed=7)
    assert len(bowls.seeds) == 2 * len(tuned.tried)  # 200 problems go through in two chunks
    curves(trainer, bowls, problems=100, seed=7)
    assert len(set(bowls.seeds)) == 1  # those that seed 7 draws
    curves(trainer, bowls, problems=100)
    assert len(set(bowls.seeds)) == 2
    with pytest.raises(ValueError, match=r"seed=1 draws the held-out problems.*seed=1000"):
        tune(SGD, (0.1, 0.2), bowls, trainer, seed=1)


def test_the_loss_is_the_last_one_of_curves_and_the_global_generator_is_left_alone():
    trainer = TrainedBy(nn.Linear(4, 1, bias=False), SGD(0.1), steps=10, loss=summed_squares)
    before = torch.get_rng_state()
    tuned = tune(lambda lr: Momentum(lr, 0.5), (0.01, 0.03), Quadratics(4), trainer, problems=50, seed=3)
    assert torch.equal(before, torch.get_rng_state())
    final = curves(trainer.by(Momentum(tuned.value, 0.5)), Quadratics(4), problems=50, seed=3)[:, -1]
    assert tuned.loss == final.mean().item() and tuned.rule == Momentum(tuned.value, 0.5)
    again = tune(lambda lr: Momentum(lr, 0.5), (0.01, 0.03), Quadratics(4), trainer, problems=50, seed=3)
    assert again.tried == tuned.tried


def test_what_diverges_on_one_problem_is_infinitely_bad(trainer):
    """A step multiplies theta by 1 - 2 h r: at r = 0.4 the bowl of h = 4 explodes, and that of h = 1 converges."""
    tuned = tune(SGD, (0.1, 0.4), Bowls(), trainer.by(SGD(1.0), steps=60))
    assert tuned.tried[0.4] == math.inf and tuned.value < 0.25


@pytest.mark.parametrize(
    ("grid", "trials", "message"),
    [
        (
            (1e-5, 1e-4),
            4,
            r"^4 trials .* so far is 0\.01 with loss 2\.\d+, the largest value tried\. .*grid=\(0\.005, ",
        ),
        ((30, 300), 3, r"^3 trials .* so far is 3 with loss 1\d+, the smallest value tried\. .*or more trials\.$"),
        (
            (0.01, 0.1, 1),
            4,
            r"so far is 0\.1 with loss 0\.\d+, between 0\.0316 and 1, further away than a factor 1\.4\.",
        ),
    ],
)
def test_a_budget_that_is_too_small_says_how_far_it_came(trainer, grid, trials, message):
    made = []
    with pytest.raises(ValueError, match=message) as error:
        tune(lambda lr: made.append(lr) or SGD(lr), grid, Bowls(), trainer, trials=trials)
    assert "\n" not in str(error.value) and len(set(made)) == trials


def test_of_equal_losses_the_smallest_value_is_best(trainer):
    """A bowl of h = 1 alone: a rate of 1/2 leaves nothing, and here all values from 0.1 to 1 mean it."""

    class Bowl(Bowls):
        def sample(self, tasks, generator):
            examples = Examples(torch.ones(tasks, 1, 1), torch.zeros(tasks, 1, 1))
            return Task(examples, examples, torch.empty(tasks, 0, dtype=torch.int64))

    tuned = tune(lambda value: SGD(0.5 if 0.1 <= value <= 1 else 0.0), (0.01, 0.1, 1, 10), Bowl(), trainer)
    best = [value for value, loss in tuned.tried.items() if loss == 0]
    assert tuned.loss == 0 and tuned.value == best[0] and len(best) > 2
    with pytest.raises(ValueError, match="the smallest value tried"):
        tune(lambda value: SGD(0.1), (0.01, 0.1, 1), Bowl(), trainer)  # it makes no difference: no optimum


@pytest.mark.parametrize("grid", [(), (0.1,), (0.1, 0.1)])
def test_a_grid_needs_two_different_numbers(trainer, grid):
    with pytest.raises(ValueError, match=r"expected at least 2 different positive numbers, such as"):
        tune(SGD, iter(grid), Bowls(), trainer)


@pytest.mark.parametrize(("grid", "at"), [((0, 0.1), 0), ((-1, 1), 0), ((0.1, math.inf), 1), ((0.1, math.nan), 1)])
def test_a_grid_needs_positive_numbers(trainer, grid, at):
    with pytest.raises(ValueError, match=rf"grid\[{at}\]={grid[at]}; expected a number between 0 and inf"):
        tune(SGD, iter(grid), Bowls(), trainer)


def test_mistakes_are_named(trainer):
    with pytest.raises(ValueError, match=r"trials=2; the grid alone has 3 values"):
        tune(SGD, (0.01, 0.1, 1), Bowls(), trainer, trials=2)
    with pytest.raises(TypeError, match=r"rule is a finished SGD; .*lambda lr: SGD\(lr\)"):
        tune(SGD(0.1), (0.01, 0.1, 1), Bowls(), trainer)
    with pytest.raises(TypeError, match=r"trainer is a Linear; expected a TrainedBy"):
        tune(SGD, (0.01, 0.1, 1), Bowls(), nn.Linear(1, 1))


def test_a_result_reads_in_one_line():
    tuned = Tuned(0.1, 0.03456, {0.0713: 0.5, 0.1: 0.03456, 0.1378: 0.2, 1.0: math.inf}, SGD(0.1))
    assert str(tuned) == (
        "0.1 with loss 0.03456, the best of 4 values from 0.0713 to 1 (its neighbors: 0.0713 and 0.138)"
    )

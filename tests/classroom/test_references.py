"""References of lesson 10's exercises, which judge everybody's answers, held to something that judges them."""

import pytest
import torch
from scipy.stats import beta, norm
from torch.func import grad, vmap

from metalearn_course import Bandits, Examples, LinearAttention, Regressions
from metalearn_course import regret as regret_of_games
from metalearn_course.classroom.checks.lesson_10.bayes_update import bayes_update
from metalearn_course.classroom.checks.lesson_10.linear_attention_step import linear_attention_step
from metalearn_course.classroom.checks.lesson_10.memorizes import memorizes
from metalearn_course.classroom.checks.lesson_10.next_question import next_question
from metalearn_course.classroom.checks.lesson_10.regret import regret


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_regret_is_that_of_the_core(generator):
    games = Bandits(arms=4, pulls=15).sample(50, generator)
    pulled = torch.randint(4, (50, 15), generator=generator)
    paid = games.support.x.gather(-1, pulled[..., None])[..., 0]
    one_by_one = [regret(*game) for game in zip(games.support.y[:, 0], pulled, paid, strict=True)]
    assert torch.stack(one_by_one).allclose(regret_of_games(games.support.y, pulled))


def test_counts_say_what_bayes_rule_on_a_grid_says():
    rewards, grid = [1.0, 0.0, 1.0, 1.0], torch.linspace(0, 1, 20_001, dtype=torch.float64)
    counts, density = torch.ones(2, 2), torch.ones_like(grid)
    for reward in rewards:
        counts = bayes_update(counts, 1, reward)
        density = density * (grid if reward else 1 - grid)
    cumulated = density.cumsum(0) / density.sum()
    assert torch.from_numpy(beta(*counts[1].tolist()).cdf(grid.numpy())).allclose(cumulated, atol=1e-3)
    assert counts[0].tolist() == [1, 1]


def test_no_other_question_leaves_less_on_average():
    low, high = torch.tensor([0.0, 0.25]).double(), torch.tensor([1.0, 0.75]).double()
    places = low + (high - low) * torch.linspace(0, 1, 101).double()[:, None]
    left = ((places - low) ** 2 + (high - places) ** 2) / (high - low)  # each part, as likely as it is long
    assert next_question(low, high).allclose(places[left.argmin(0), torch.arange(2)])


def test_attention_is_the_layer_set_by_hand_and_a_step_by_autograd(generator):
    stack = Regressions(dimensions=5, shots=10, queries=3).sample(4, generator)
    layer = LinearAttention.gradient_step(inputs=5, rate=0.7)

    def by_layer(x, y, query):
        return layer.predict(layer.adapt(Examples(x, y)), query)[:, 0]

    def by_step(x, y, query):
        return query @ -(0.7 * grad(lambda w: (x @ w - y[:, 0]).square().mean() / 2)(torch.zeros(5)))

    def by_reference(x, y, query):
        return linear_attention_step(x, y[:, 0], query, 0.7)

    found = [vmap(way)(*stack.support, stack.query.x) for way in (by_reference, by_layer, by_step)]
    assert found[0].allclose(found[1], atol=1e-5)
    assert found[0].allclose(found[2], atol=1e-5)


def test_an_interval_misses_the_truth_once_in_twenty_experiments(generator):
    seen = 3 * torch.randn(4_000, 60, generator=generator).square()
    fresh = seen + 0.3 + torch.randn(4_000, 60, generator=generator)
    found = [memorizes(*pair) for pair in zip(seen, fresh, strict=True)]
    gap, half = (torch.stack([row[part] for row in found]) for part in (0, 1))
    assert ((gap - 0.3).abs() < half).float().mean().item() == pytest.approx(0.95, abs=0.015)
    # The gap is normally distributed around 0.3, with a standard error of 1 / sqrt(60), and 1.96 of them are needed.
    by_heart = sum(verdict for *_, verdict in found) / len(found)
    assert by_heart == pytest.approx(norm.sf(1.96 - 0.3 * 60**0.5), abs=0.03)

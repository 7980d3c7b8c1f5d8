"""Ways to play, against what can be counted by hand, by recursion and by simulation."""

import itertools
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
import torch

from metalearn_course.studies.bandits import UCB, BayesOptimal, bayes_greedy, pulls_of, thompson, tuned_ucb, uniform
from metalearn_course.tasks import Bandits, regret

WINS, LOSSES = torch.tensor([[3.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [0.0, 4.0]])


def games(count, pulls=20, arms=2, seed=1):
    return Bandits(arms, pulls).sample(count, torch.Generator().manual_seed(seed))


def gained(policy, tasks):
    return tasks.support.y.gather(-1, pulls_of(policy, tasks)[..., None]).sum((1, 2))


@cache
def best(left, seen):
    """The value by plain recursion over (wins, losses) of each arm, in fractions."""
    if not left:
        return Fraction(0)
    values = []
    for arm, (wins, losses) in enumerate(seen):
        chance = Fraction(wins + 1, wins + losses + 2)
        won, lost = ([*seen[:arm], pair, *seen[arm + 1 :]] for pair in ((wins + 1, losses), (wins, losses + 1)))
        values.append(chance * (1 + best(left - 1, tuple(won))) + (1 - chance) * best(left - 1, tuple(lost)))
    return max(values)


@pytest.mark.parametrize("pulls", [1, 2, 3, 6, 8])
def test_the_best_value_is_that_of_plain_recursion(pulls):
    assert BayesOptimal(pulls).value == pytest.approx(float(best(pulls, ((0, 0), (0, 0)))), abs=1e-12)


def test_one_and_two_pulls_by_hand():
    assert BayesOptimal(1).value == 0.5
    assert BayesOptimal(2).value == pytest.approx(1 / 2 + 1 / 2 * 2 / 3 + 1 / 2 * 1 / 2)  # stay after a win, else move


def test_played_it_brings_its_value_and_nobody_brings_more():
    tasks, optimal = games(40_000), BayesOptimal(20)
    assert optimal.value == pytest.approx(12.4313, abs=1e-4)
    by_optimal = gained(optimal, tasks)
    assert by_optimal.mean().item() == pytest.approx(optimal.value, abs=4 * by_optimal.std().item() / 200)
    for policy in (uniform, bayes_greedy, thompson, UCB(), UCB(0.3)):
        behind = by_optimal - gained(policy, tasks)  # in the same games
        assert behind.mean() > 1.96 * behind.std() / 200, policy
    assert regret(tasks.support.y, pulls_of(optimal, tasks)).mean() < 0.95


def test_a_longer_game_is_worth_more_a_pull():
    shares = [BayesOptimal(n).value / n for n in (1, 5, 20, 100)]
    assert shares == sorted(shares) and shares[0] == 0.5 and 0.64 < shares[-1] < 2 / 3  # 2/3: the better arm's mean


def test_greedy_and_uniform():
    draws = np.random.default_rng(0)
    assert bayes_greedy(WINS, LOSSES, draws).tolist() == [0, 0]  # 4/6 against 1/2, 1/2 against 2/7
    counts = torch.bincount(uniform(torch.zeros(30_000, 3), torch.zeros(30_000, 3), draws))
    assert counts.tolist() == pytest.approx([10_000] * 3, abs=400)


def test_thompson_pulls_an_arm_as_often_as_it_is_the_best():
    """Beta(1 + wins, 1 + losses): P(a > b) for Beta(2, 1) against Beta(1, 1) is 2/3."""
    wins, losses = torch.tensor([[1.0, 0.0]]).expand(30_000, 2), torch.zeros(30_000, 2)
    share = (thompson(wins, losses, np.random.default_rng(0)) == 0).double().mean().item()
    assert share == pytest.approx(2 / 3, abs=0.01)


def test_ucb_tries_every_arm_first_and_then_the_highest_bound():
    draws, tasks = np.random.default_rng(0), games(200, pulls=5, arms=4)
    assert pulls_of(UCB(), tasks)[:, :4].sort(1).values.tolist() == [[0, 1, 2, 3]] * 200
    wins, losses = torch.tensor([[6.0, 1.0]]), torch.tensor([[4.0, 1.0]])
    bounds = (
        [0.6 + c * (np.log(12) / 10) ** 0.5 for c in (0.0, 2.0)],
        [0.5 + c * (np.log(12) / 2) ** 0.5 for c in (0, 2)],
    )
    for c, (one, other) in zip((0.0, 2.0), zip(*bounds, strict=True), strict=True):
        assert UCB(c)(wins, losses, draws).item() == int(other > one)
    assert tuned_ucb(games(4_000)).c in (0.2, 0.3, 0.4)


def test_all_meet_the_same_luck():
    tasks = games(50)
    first, second = (pulls_of(policy, tasks) for policy in (bayes_greedy, bayes_greedy))
    assert torch.equal(first, second)
    assert pulls_of(uniform, tasks, seed=0).tolist() != pulls_of(uniform, tasks, seed=1).tolist()


def test_what_it_cannot_play_is_named():
    with pytest.raises(ValueError, match="plays two arms; the bandits have 3"):
        pulls_of(BayesOptimal(20), games(2, arms=3))
    with pytest.raises(ValueError, match=r"BayesOptimal\(pulls=5\) plays 5 pulls; the game has more"):
        pulls_of(BayesOptimal(5), games(2))
    with pytest.raises(ValueError, match="pulls=101; expected 1 to 100"):
        BayesOptimal(101)


def test_its_decisions_are_those_of_recursion():
    optimal = BayesOptimal(6)
    for wins, losses in itertools.product(itertools.product(range(3), repeat=2), repeat=2):
        if (left := 6 - sum(wins) - sum(losses)) > 0:
            seen, values = tuple(zip(wins, losses, strict=True)), []
            for arm, (w, lost) in enumerate(seen):
                chance = Fraction(w + 1, w + lost + 2)
                after = [tuple([*seen[:arm], pair, *seen[arm + 1 :]]) for pair in ((w + 1, lost), (w, lost + 1))]
                values.append(chance * (1 + best(left - 1, after[0])) + (1 - chance) * best(left - 1, after[1]))
            counts = (torch.tensor([side], dtype=torch.float32) for side in (wins, losses))
            arm = optimal(*counts, np.random.default_rng(0)).item()
            assert values[arm] == max(values)

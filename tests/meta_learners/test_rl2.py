"""RL^2: its gradient against an enumeration of every game, and that it learns to play."""

import itertools

import pytest
import torch

from metalearn_course import meta_train
from metalearn_course.meta_learners.lstm_reader import lstm_cell
from metalearn_course.meta_learners.rl2 import RL2
from metalearn_course.studies.bandits import BayesOptimal
from metalearn_course.tasks import Bandits, Examples, Task


class Plain(RL2):
    """Without what is added to the policy gradient."""

    baseline_weight = 0.0


def expected(player, means, pulls):
    """What a game brings on average, by all sequences of pulls and payments."""
    total = 0.0
    for arms, pays in itertools.product(*(itertools.product(range(2), repeat=pulls) for _ in range(2))):
        state, seen, chance, value = player.start(), torch.zeros(4), 1.0, 0.0
        for pull, (arm, pay) in enumerate(zip(arms, pays, strict=True), 1):
            state = lstm_cell(player.gates, seen, state)
            paid = means[arm] if pay else 1 - means[arm]
            chance = chance * player.policy(state[0]).softmax(-1)[arm] * paid
            value = value + means[arm]
            row = torch.tensor([float(arm == 0), float(arm == 1)])
            seen = torch.cat([row, torch.tensor([float(pay), pull / pulls])])
        total = total + chance * value
    return total


def test_its_gradient_is_on_average_that_of_what_a_game_brings():
    torch.manual_seed(0)
    player, means, pulls, games = Plain(hidden=4, entropy=0.0), torch.tensor([0.2, 0.9]), 3, 60_000
    exact = torch.autograd.grad(-expected(player, means, pulls), [player.policy.weight, player.gates.weight])
    y = means.expand(games, pulls, 2).contiguous()
    game = Examples((torch.rand(games, pulls, 2) < y).float(), y)
    losses = player(Task(game, game, torch.zeros(games, 0, dtype=torch.int64)))
    assert losses.mean().item() == pytest.approx(-expected(player, means, pulls).item(), abs=0.01)
    estimate = torch.autograd.grad(losses.mean(), [player.policy.weight, player.gates.weight])
    for got, want in zip(estimate, exact, strict=True):
        # the surrogate is a mean over pulls, the value a sum
        assert (pulls * got - want).norm() < 0.06 * want.norm()


def test_it_reads_payments_and_not_means():
    torch.manual_seed(0)
    player, tasks = RL2(hidden=8), Bandits().sample(50, torch.Generator().manual_seed(0))
    other = tasks._replace(support=tasks.support._replace(y=tasks.support.y.flip(-1)))
    assert torch.equal(player.pulls(tasks), player.pulls(other))
    paid = tasks._replace(support=tasks.support._replace(x=1 - tasks.support.x))
    assert not torch.equal(player.pulls(tasks), player.pulls(paid))


def test_some_training_plays_better_than_chance_and_nothing_better_than_the_best():
    torch.manual_seed(0)
    player = RL2()
    meta_train(player, Bandits(), 60, meta_batch=256, lr=2e-2, anneal=True, clip=1.0, progress=False)
    tasks = Bandits().sample(4_000, torch.Generator().manual_seed(9))
    gained = tasks.support.y.gather(-1, player.pulls(tasks)[..., None]).sum((1, 2)).mean().item()
    assert 11 < gained < BayesOptimal(20).value + 0.1


def test_other_arms_are_refused():
    with pytest.raises(ValueError, match="RL2 was built for 2 arms; the bandits have 3"):
        RL2()(Bandits(arms=3).sample(2, torch.Generator()))
    with pytest.raises(ValueError, match="entropy"):
        RL2(entropy=-1)


@pytest.mark.parametrize("discount", [1.0, 0.5, 0.0])
def test_credit_of_a_pull_is_the_discounted_sum_of_what_follows(discount):
    gained = torch.tensor([1.0, 2.0, 4.0])
    want = [1 + discount * (2 + discount * 4), 2 + discount * 4, 4]
    torch.testing.assert_close(RL2(discount=discount).from_here_on(gained), torch.tensor(want))


def test_a_discount_above_one_is_refused():
    with pytest.raises(ValueError, match=r"discount=1.5 would make late payments count more; expected 0 to 1"):
        RL2(discount=1.5)

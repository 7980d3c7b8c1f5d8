import pytest
import torch

from metalearn_course.tasks import Bandits, check_tasks, regret


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_arms_pay_as_often_as_their_means_say():
    pays, means = Bandits(arms=3, pulls=50).sample(20_000, seeded()).support
    assert pays.shape == means.shape == (20_000, 50, 3)
    assert set(pays.unique().tolist()) == {0.0, 1.0} and (means == means[:, :1]).all()
    assert means.mean().item() == pytest.approx(1 / 2, abs=0.01)
    assert means[:, 0].var().item() == pytest.approx(1 / 12, abs=0.002)  # uniform
    for low in (0.0, 0.3, 0.9):
        some = (means >= low) & (means < low + 0.1)
        assert pays[some].mean().item() == pytest.approx(means[some].mean().item(), abs=0.01)
    check_tasks(Bandits())


def test_the_same_seed_has_the_same_games():
    one, same, other = (Bandits().sample(5, seeded(seed)).support.x for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_regret_is_against_the_best_arm_and_by_means_not_by_what_was_paid():
    means = torch.tensor([[0.2, 0.9, 0.5]]).expand(3, 3)
    assert regret(means, torch.tensor([0, 1, 2])).item() == pytest.approx(0.7 + 0 + 0.4)
    assert regret(means[None].expand(4, 3, 3), torch.ones(4, 3, dtype=torch.int64)).tolist() == [0] * 4


def test_numbers_out_of_range_are_named():
    with pytest.raises(ValueError, match="arms"):
        Bandits(arms=1)
    with pytest.raises(ValueError, match="pulls"):
        Bandits(pulls=0)
    assert Bandits(2, 20).protocol == "bandits of 2 arms, 20 pulls"

import pytest
import torch

from metalearn_course.tasks import Regressions, check_tasks


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_least_squares_finds_the_weights_behind_a_task_without_noise():
    tasks = Regressions(dimensions=4, shots=9, queries=3).sample(50, seeded())
    assert tasks.support.x.shape == (50, 9, 4) and tasks.query.y.shape == (50, 3, 1)
    w = torch.linalg.lstsq(tasks.support.x.double(), tasks.support.y.double()).solution
    torch.testing.assert_close(tasks.query.x.double() @ w, tasks.query.y.double(), rtol=0, atol=1e-4)
    check_tasks(Regressions())


def test_inputs_weights_and_noise_are_as_large_as_they_say():
    x, y = Regressions(dimensions=5, shots=50, noise=0.5).sample(4_000, seeded()).support
    assert x.std().item() == pytest.approx(1, abs=0.01)
    assert y.var().item() == pytest.approx(5 + 0.25, abs=0.15)


def test_of_few_different_tasks_every_one_comes_and_no_other():
    few = Regressions(dimensions=3, shots=5, different=4, seed=7)
    x, y = few.sample(200, seeded()).support
    w = torch.linalg.lstsq(x, y).solution[..., 0]
    distances = torch.cdist(w, few.weights())
    assert distances.min(1).values.max() < 1e-3 and set(distances.argmin(1).tolist()) == {0, 1, 2, 3}
    assert torch.equal(few.weights(), Regressions(dimensions=3, different=4, seed=7).weights())
    assert not torch.equal(few.weights(), Regressions(dimensions=3, different=4, seed=8).weights())


def test_bad_numbers_are_named():
    for name in ("dimensions", "shots", "queries", "different"):
        with pytest.raises(ValueError, match=name):
            Regressions(**{name: 0})
    with pytest.raises(ValueError, match="noise"):
        Regressions(noise=-1)
    with pytest.raises(ValueError, match=r"endlessly many different tasks.*different=64"):
        Regressions().weights()
    assert Regressions(different=64).protocol == (
        "linear regressions in 5 dimensions, 10 shots, 1 queries, 64 different ones of seed 0"
    )

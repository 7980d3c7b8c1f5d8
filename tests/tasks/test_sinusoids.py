import math

import pytest
import torch

from metalearn_course import Sinusoids


def waves(tasks=400, **options):
    return Sinusoids(**options).sample(tasks, torch.Generator().manual_seed(0))


def amplitude_and_phase(examples):
    """By least squares, since a sin(x + p) = (a cos p) sin x + (a sin p) cos x is linear in its two coefficients."""
    x, y = examples.x.double(), examples.y.double()
    on_sin, on_cos = torch.linalg.lstsq(torch.cat([x.sin(), x.cos()], -1), y).solution.unbind(1)
    return torch.hypot(on_sin, on_cos).squeeze(), torch.atan2(on_cos, on_sin).squeeze()


def test_support_and_query_lie_on_one_wave_with_amplitude_and_phase_of_the_paper():
    stack = waves()
    (a, p), (a_query, p_query) = map(amplitude_and_phase, stack[:2])
    torch.testing.assert_close(a, a_query, atol=1e-3, rtol=0)
    torch.testing.assert_close(a * p.sin(), a_query * p_query.sin(), atol=1e-3, rtol=0)
    assert a.min() >= 0.1 - 1e-4 and a.max() <= 5 + 1e-4
    assert p.min() >= -1e-3 and p.max() <= math.pi + 1e-3
    standard_error = 4.9 / math.sqrt(12 * 400)  # of the mean of 400 uniform draws
    assert abs(a.mean() - 2.55) < 4 * standard_error


def test_shapes_and_interval():
    stack = waves(7, shots=3, queries=4)
    assert stack.support.x.shape == stack.support.y.shape == (7, 3, 1)
    assert stack.query.x.shape == stack.query.y.shape == (7, 4, 1)
    assert stack.classes.shape == (7, 0)
    assert stack.support.x.abs().max() <= 5


def test_all_waves_pooled_are_1_62_cosines():
    """E[a sin(x + p)] = E[a] E[sin p] cos x = 2.55 * 2 / pi * cos x, since E[cos p] = 0: lesson 02's compromise."""
    stack = waves(20_000)
    x, y = stack.support.x.flatten().double(), stack.support.y.flatten().double()
    on_sin, on_cos = torch.linalg.lstsq(torch.stack([x.sin(), x.cos()], 1), y[:, None]).solution.flatten().tolist()
    assert on_cos == pytest.approx(2.55 * 2 / math.pi, abs=0.04)
    assert on_sin == pytest.approx(0, abs=0.06)


def test_a_grid_draws_the_whole_wave_evenly():
    x = waves(2, queries=11, grid=True).query.x
    assert x[0].flatten().tolist() == pytest.approx(list(range(-5, 6)))
    assert torch.equal(x[0], x[1])


def test_the_generator_alone_decides():
    before = torch.get_rng_state()
    assert torch.equal(waves(3).query.y, waves(3).query.y)
    assert torch.equal(torch.get_rng_state(), before)
    generator = torch.Generator().manual_seed(0)
    first, second = (Sinusoids().sample(3, generator) for _ in range(2))
    assert not torch.equal(first.support.x, second.support.x)


@pytest.mark.parametrize("name", ["shots", "queries"])
def test_no_examples_are_refused(name):
    with pytest.raises(ValueError, match=f"{name}=0; expected at least 1, a whole number. Change {name}."):
        Sinusoids(**{name: 0})


def test_the_protocol_names_shots_and_queries():
    assert Sinusoids(shots=5, queries=6).protocol == "sinusoids, 5 shots, 6 queries"

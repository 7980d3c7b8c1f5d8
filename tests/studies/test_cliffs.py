"""Lesson 09's numbers against a loop in plain Python, finite differences, sampling, and integrals over the noise."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import torch

from metalearn_course.studies.cliffs import RippledTraining, astray, cliff_curves, gradient_arrows, no_data

START, DEFAULT = 5.3, -1.6
RATES = torch.linspace(-3.2, -1.2, 21).double()


def by_loop(log_rate: float, steps: int, theta: float = START, velocity: float = 0.0) -> list[float]:
    """The losses after each step: momentum 0.9 on theta^2 / 2 + 2 (1 - cos 3 theta), one float at a time."""
    losses = []
    for _ in range(steps):
        velocity = 0.9 * velocity + theta + 6 * math.sin(3 * theta)
        theta -= 10**log_rate * velocity
        losses.append(theta**2 / 2 + 2 * (1 - math.cos(3 * theta)))
    return losses


def by_array(log_rate: np.ndarray, steps: int, theta=START, velocity=0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The sum of the losses, theta and velocity, for many rates at once."""
    total = np.zeros_like(log_rate)
    for _ in range(steps):
        velocity = 0.9 * velocity + theta + 6 * np.sin(3 * theta)
        theta = theta - 10**log_rate * velocity
        total = total + theta**2 / 2 + 2 * (1 - np.cos(3 * theta))
    return total, theta, velocity


def normal_grid(points: int = 801) -> tuple[np.ndarray, np.ndarray]:
    z = np.linspace(-6, 6, points)
    density = np.exp(-(z**2) / 2)
    return z, density / density.sum()


@pytest.mark.parametrize("meta_loss", ["mean", "last"])
def test_the_curves_are_a_loop_in_python(meta_loss: str) -> None:
    lengths = (1, 7, 60)
    curves = cliff_curves(lengths, RATES, meta_loss=meta_loss)
    assert curves.losses.shape == curves.slopes.shape == curves.smoothed.shape == (3, 21)
    for row, length in zip(curves.losses, lengths, strict=True):
        for value, log_rate in zip(row.tolist(), RATES.tolist(), strict=True):
            losses = by_loop(log_rate, length)
            assert value == pytest.approx(losses[-1] if meta_loss == "last" else sum(losses) / length, rel=1e-9)


@pytest.mark.parametrize("meta_loss", ["mean", "last"])
@pytest.mark.parametrize("log_rate", [-2.9, -1.6])
def test_what_the_estimators_train_is_the_same_loop(log_rate: float, meta_loss: str) -> None:
    losses = by_loop(log_rate, 30)
    [objective] = RippledTraining(log_rate, 30, meta_loss)(no_data()).tolist()
    assert objective == pytest.approx(losses[-1] if meta_loss == "last" else sum(losses) / 30, rel=1e-9)


@pytest.mark.parametrize("log_rate", [-0.9, 0.0])
def test_even_the_highest_rate_is_neither_stopped_nor_capped(log_rate: float) -> None:
    outcomes = RippledTraining(log_rate, 200).outcomes(no_data())
    assert outcomes.stopped.item() == -1 and not outcomes.capped.item()
    assert max(by_loop(log_rate, 10_000)) < 1e4


@pytest.mark.parametrize("meta_loss", ["mean", "last"])
def test_slopes_are_finite_differences(meta_loss: str) -> None:
    lengths, h = (1, 4, 20), 1e-5
    curves = cliff_curves(lengths, RATES, meta_loss=meta_loss)
    above, below = (cliff_curves(lengths, RATES + step, meta_loss=meta_loss).losses for step in (h, -h))
    assert torch.allclose(curves.slopes, (above - below) / (2 * h), rtol=1e-4, atol=1e-5)
    arrows = gradient_arrows(RATES[3].item(), 20, particles=2, meta_loss=meta_loss)
    assert arrows.estimates["exact"] == (pytest.approx(curves.slopes[2, 3].item()), 0.0)


def test_the_smoothed_curve_is_what_sampling_says() -> None:
    curves = cliff_curves((1, 100), RATES[::2], sigma=0.1)
    z = np.random.default_rng(0).standard_normal(20_000)
    for i, length in enumerate(curves.lengths):
        for j, log_rate in enumerate(RATES[::2].tolist()):
            losses = by_array(log_rate + 0.1 * z, length)[0] / length
            slopes = losses * z / 0.1
            for exact, sample in ((curves.smoothed[i, j], losses), (curves.smoothed_slopes[i, j], slopes)):
                assert exact.item() == pytest.approx(sample.mean(), abs=4.5 * sample.std() / len(z) ** 0.5)


def test_one_rate_or_many_are_smoothed_alike() -> None:
    curves = cliff_curves((20, 100), torch.tensor([-2.75, -1.25, DEFAULT]))
    for i, j in ((0, 0), (0, 1), (1, 2)):
        arrows = gradient_arrows(curves.log_rates[j].item(), curves.lengths[i], particles=2)
        assert arrows.smoothed == pytest.approx(curves.smoothed[i, j].item(), abs=0.01)
        assert arrows.smoothed_slope == pytest.approx(curves.smoothed_slopes[i, j].item(), abs=0.2)


def test_smooth_turns_to_cliffs() -> None:
    curves = cliff_curves()
    jumps = (curves.losses[:, 1:] - curves.losses[:, :-1]).abs()[:, curves.log_rates[1:] < -1.5].amax(1)
    assert curves.lengths == (1, 10, 50, 200) and jumps[0] < 0.02 and jumps[3] > 100 * jumps[0]
    smooth = (curves.smoothed[:, 1:] - curves.smoothed[:, :-1]).abs().amax()
    assert smooth < 0.1


def test_segments_are_estimated_as_integrals_over_their_noise_say() -> None:
    """Two segments of 10 steps: what ES estimates is an integral; truncated ES and PES, over the noise of both."""
    log_rate, sigma, K = -1.9, 0.05, 10
    z, density = normal_grid()
    whole = by_array(log_rate + sigma * z, 2 * K)[0]
    first, theta, velocity = by_array(log_rate + sigma * z, K)
    es = (whole * z * density).sum() / sigma
    second = by_array(log_rate + sigma * z[None] + 0 * theta[:, None], K, theta[:, None], velocity[:, None])[0]
    second = second * density[:, None] * density
    truncated = ((first * z * density).sum() + (second * z).sum()) / sigma
    pes = ((first * z * density).sum() + (second * (z[:, None] + z)).sum()) / sigma

    arrows = gradient_arrows(log_rate, 2 * K, K, sigma, particles=60_000)
    for name, sum_of_losses in (("ES", es), ("truncated ES", truncated), ("PES", pes)):
        mean, half = arrows.estimates[name]
        assert mean == pytest.approx(sum_of_losses / (2 * K), abs=1.6 * half) and half < 0.25, name
    assert abs(truncated - pes) / (2 * K) > 5 * arrows.estimates["truncated ES"][1]


def test_truncated_backpropagation_holds_the_beginning_of_a_segment() -> None:
    log_rate, h = -1.9, 1e-5
    _, theta, velocity = by_array(np.array(log_rate), 10)
    ends = [
        by_array(np.array(log_rate + step), 10)[0] + by_array(np.array(log_rate + step), 10, theta, velocity)[0]
        for step in (h, -h)
    ]
    arrows = gradient_arrows(log_rate, 20, 10, particles=2)
    assert arrows.estimates["truncated"][0] == pytest.approx((ends[0] - ends[1]) / (2 * h) / 20, rel=1e-5)


def test_es_and_pes_estimate_the_smoothed_slope_and_what_is_truncated_points_the_other_way() -> None:
    arrows = gradient_arrows(particles=4000)
    for name in ("ES", "PES"):
        mean, half = arrows.estimates[name]
        assert abs(mean - arrows.smoothed_slope) < half, name
    mean, half = arrows.estimates["truncated ES"]
    assert abs(mean - arrows.smoothed_slope) > 50 * half
    assert astray(arrows) == ["exact", "truncated", "truncated ES"]


def test_without_a_second_segment_nothing_is_truncated() -> None:
    estimates = gradient_arrows(-2.0, 20, truncation=20, particles=50).estimates
    assert estimates["truncated"] == estimates["exact"]
    assert estimates["PES"] == pytest.approx(estimates["ES"]) == estimates["truncated ES"]
    uneven = gradient_arrows(-2.0, 50, truncation=20, particles=50).estimates
    assert uneven["truncated"] != uneven["exact"]


def test_the_interval_is_of_the_mean_of_pairs() -> None:
    few, many = (gradient_arrows(length=20, particles=n).estimates["ES"][1] for n in (1000, 4000))
    assert many == pytest.approx(few / 2, rel=0.15)
    once, again, other = (gradient_arrows(length=30, particles=20, seed=seed) for seed in (0, 0, 1))
    assert once == again and once.estimates["ES"] != other.estimates["ES"]


def test_it_is_quick() -> None:
    """In seconds of computing, so that it makes no difference what else the machine does."""
    for function, most in ((cliff_curves, 5), (gradient_arrows, 2)):
        begun = time.process_time()
        function()
        assert time.process_time() - begun < most


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: cliff_curves((0, 10)), "length=0, sigma=0.05; expected at least 1 step"),
        (lambda: cliff_curves(sigma=0.0), "sigma=0.0; expected"),
        (lambda: cliff_curves(meta_loss="sum"), "meta_loss='sum'; expected one of 'mean', 'last'"),
        (lambda: gradient_arrows(0.5), r"log_rate=0.5 is a rate of 3.16; expected a log \(base 10\)"),
        (lambda: gradient_arrows(truncation=0), "truncation=0, particles=1000; expected at least 1 step"),
        (lambda: gradient_arrows(particles=1), "particles=1; expected"),
    ],
)
def test_wrong_input_is_named(wrong, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wrong()

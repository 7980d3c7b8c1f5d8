"""Lesson 09's picture against a loop in plain Python, finite differences, sampling, and integrals over the noise."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import torch
from torch.func import vmap

from metalearn_course import figures
from metalearn_course.figures import cliff
from metalearn_course.figures.cliff import astray, limit, said
from metalearn_course.update_rules import Momentum, unroll

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
    curves = figures.cliff_curves(lengths, RATES, meta_loss=meta_loss)
    assert curves.losses.shape == curves.slopes.shape == curves.smoothed.shape == (3, 21)
    for row, length in zip(curves.losses, lengths, strict=True):
        for value, log_rate in zip(row.tolist(), RATES.tolist(), strict=True):
            losses = by_loop(log_rate, length)
            assert value == pytest.approx(losses[-1] if meta_loss == "last" else sum(losses) / length, rel=1e-9)


def test_training_is_what_unroll_does_with_momentum() -> None:
    def last(log_rate: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rule = Momentum(10**log_rate, 0.9)
        trace = unroll(lambda params, _: cliff.ripple(params["theta"]), rule, {"theta": start}, [None] * 30)
        return torch.stack([step.loss for step in trace.steps[1:]]), trace.params["theta"]

    start = torch.tensor(START, dtype=torch.float64)
    losses, (theta, _) = cliff.train_on_ripples(RATES, 30)
    unrolled, end = vmap(last)(RATES)
    assert torch.allclose(losses[:-1].T, unrolled, rtol=1e-9) and torch.allclose(theta, end, rtol=1e-9)


def test_a_training_may_be_continued_where_it_stopped() -> None:
    whole, _ = cliff.train_on_ripples(RATES, 25)
    first, state = cliff.train_on_ripples(RATES, 10)
    second, _ = cliff.train_on_ripples(RATES, 15, state)
    assert torch.equal(whole, torch.cat([first, second]))


@pytest.mark.parametrize("meta_loss", ["mean", "last"])
def test_slopes_are_finite_differences(meta_loss: str) -> None:
    lengths, h = (1, 4, 20), 1e-5
    curves = figures.cliff_curves(lengths, RATES, meta_loss=meta_loss)
    above, below = (figures.cliff_curves(lengths, RATES + step, meta_loss=meta_loss).losses for step in (h, -h))
    assert torch.allclose(curves.slopes, (above - below) / (2 * h), rtol=1e-4, atol=1e-5)
    arrows = figures.gradient_arrows(RATES[3].item(), 20, particles=2, meta_loss=meta_loss)
    assert arrows.estimates["exact"] == (pytest.approx(curves.slopes[2, 3].item()), 0.0)


def test_the_smoothed_curve_is_what_sampling_says() -> None:
    curves = figures.cliff_curves((1, 100), RATES, sigma=0.1)
    z = np.random.default_rng(0).standard_normal(20_000)
    for i, length in enumerate(curves.lengths):
        for j, log_rate in enumerate(RATES.tolist()):
            losses = by_array(log_rate + 0.1 * z, length)[0] / length
            slopes = losses * z / 0.1
            for exact, sample in ((curves.smoothed[i, j], losses), (curves.smoothed_slopes[i, j], slopes)):
                assert exact.item() == pytest.approx(sample.mean(), abs=4.5 * sample.std() / len(z) ** 0.5)


def test_one_rate_or_many_are_smoothed_alike() -> None:
    curves = figures.cliff_curves((100,), torch.tensor([-2.75, DEFAULT, -1.25]))
    for j, log_rate in enumerate(curves.log_rates.tolist()):
        arrows = figures.gradient_arrows(log_rate, 100, particles=2)
        assert arrows.smoothed == pytest.approx(curves.smoothed[0, j].item(), abs=0.01)
        assert arrows.smoothed_slope == pytest.approx(curves.smoothed_slopes[0, j].item(), abs=0.2)


def test_smooth_turns_to_cliffs() -> None:
    curves = figures.cliff_curves()
    jumps = (curves.losses[:, 1:] - curves.losses[:, :-1]).abs()[:, curves.log_rates[1:] < -1.5].amax(1)
    assert curves.lengths == (1, 10, 50, 200) and jumps[0] < 0.02 and jumps[3] > 100 * jumps[0]
    smooth = (curves.smoothed[:, 1:] - curves.smoothed[:, :-1]).abs().amax()
    assert smooth < 0.1


def test_segments_are_estimated_as_integrals_over_their_noise_say() -> None:
    """Two segments of 10 steps: what ES, truncated ES and PES estimate is one, two and a double integral."""
    log_rate, sigma, K = -1.9, 0.05, 10
    z, density = normal_grid()
    whole = by_array(log_rate + sigma * z, 2 * K)[0]
    first, theta, velocity = by_array(log_rate + sigma * z, K)
    es = (whole * z * density).sum() / sigma
    _, still_theta, still_velocity = by_array(np.array(log_rate), K)
    again = by_array(log_rate + sigma * z, K, still_theta, still_velocity)[0]
    truncated = ((first + again) * z * density).sum() / sigma
    second = by_array(log_rate + sigma * z[None] + 0 * theta[:, None], K, theta[:, None], velocity[:, None])[0]
    both = density[:, None] * density * (z[:, None] + z)
    pes = ((first * z * density).sum() + (second * both).sum()) / sigma

    arrows = figures.gradient_arrows(log_rate, 2 * K, K, sigma, particles=40_000)
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
    arrows = figures.gradient_arrows(log_rate, 20, 10, particles=2)
    assert arrows.estimates["truncated"][0] == pytest.approx((ends[0] - ends[1]) / (2 * h) / 20, rel=1e-5)


def test_es_and_pes_estimate_the_smoothed_slope_and_what_is_truncated_points_the_other_way() -> None:
    arrows = figures.gradient_arrows(particles=4000)
    for name in ("ES", "PES"):
        mean, half = arrows.estimates[name]
        assert abs(mean - arrows.smoothed_slope) < half, name
    mean, half = arrows.estimates["truncated ES"]
    assert abs(mean - arrows.smoothed_slope) > 50 * half
    assert astray(arrows) == ["exact", "truncated", "truncated ES"]


def test_without_a_second_segment_nothing_is_truncated() -> None:
    estimates = figures.gradient_arrows(-2.0, 20, truncation=20, particles=50).estimates
    assert estimates["truncated"] == estimates["exact"]
    assert estimates["PES"] == pytest.approx(estimates["ES"]) == estimates["truncated ES"]
    uneven = figures.gradient_arrows(-2.0, 50, truncation=20, particles=50).estimates
    assert uneven["truncated"] != uneven["exact"]


def test_the_interval_is_of_the_mean_of_pairs() -> None:
    few, many = (figures.gradient_arrows(particles=n).estimates["ES"][1] for n in (1000, 4000))
    assert many == pytest.approx(few / 2, rel=0.15)
    assert figures.gradient_arrows(seed=1).estimates["ES"] != figures.gradient_arrows().estimates["ES"]
    assert figures.gradient_arrows() == figures.gradient_arrows()


def test_the_words_say_every_number() -> None:
    curves, arrows = figures.cliff_curves((1, 100)), figures.gradient_arrows()
    picture = figures.cliffs(curves, arrows)
    assert picture.png[:4] == b"\x89PNG"
    for name, (mean, half) in arrows.estimates.items():
        assert f"{name} {said(mean, half)}" in picture.alt
    assert f"{arrows.estimates['PES'][0]:.2f} ± {arrows.estimates['PES'][1]:.2f}" in picture.alt
    assert f"slope of the smoothed curve, {arrows.smoothed_slope:.2f}" in picture.alt
    assert "mean loss over the 100 steps" in picture.alt and "segments of K = 20 steps" in picture.alt
    assert "Pointing the other way: exact, truncated, truncated ES." in picture.alt
    still = figures.cliffs(curves)
    assert "loss after 1 step against" in still.alt and "mean loss over the 100 steps against" in still.alt
    assert still.png != picture.png and still.png == figures.cliffs(curves).png
    assert "loss after 100 steps" in figures.cliffs(figures.cliff_curves((100,), meta_loss="last")).alt


def test_a_gradient_far_beyond_the_others_is_cut_and_said() -> None:
    arrows = figures.gradient_arrows(particles=100)
    wild = arrows._replace(estimates=arrows.estimates | {"exact": (-1.74e9, 0.0), "truncated": (math.nan, 0.0)})
    assert limit(wild) == pytest.approx(limit(arrows), rel=0.3)
    alt = figures.cliffs(figures.cliff_curves((100,)), wild).alt
    assert "exact −1.7e+09" in alt and "truncated nan" in alt


def test_it_is_quick() -> None:
    """Far from the limits of the house (1 s, and 0.3 s an answer), so that a busy machine may be five times slower."""
    begun = time.perf_counter()
    figures.cliff_curves()
    assert time.perf_counter() - begun < 5
    begun = time.perf_counter()
    figures.gradient_arrows()
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: figures.cliff_curves((0, 10)), "length=0, sigma=0.05; expected at least 1 step"),
        (lambda: figures.cliff_curves(sigma=0.0), "sigma=0.0; expected"),
        (lambda: figures.cliff_curves(meta_loss="sum"), "meta_loss='sum'; expected one of 'mean', 'last'"),
        (lambda: figures.gradient_arrows(0.5), r"log_rate=0.5 is a rate of 3.16; expected a log \(base 10\)"),
        (lambda: figures.gradient_arrows(truncation=0), "truncation=0, particles=1000; expected at least 1 step"),
        (lambda: figures.gradient_arrows(particles=1), "particles=1; expected"),
        (lambda: figures.cliffs(figures.cliff_curves((1,)), figures.gradient_arrows()), "The arrows are of length=100"),
    ],
)
def test_wrong_input_is_named(wrong, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wrong()

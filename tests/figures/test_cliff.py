"""Lesson 09's picture: what its words say, and what it cuts."""

from __future__ import annotations

import math

import pytest

from metalearn_course import figures
from metalearn_course.figures.cliff import limit, said


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


def test_arrows_of_another_curve_are_named() -> None:
    with pytest.raises(ValueError, match="The arrows are of length=100"):
        figures.cliffs(figures.cliff_curves((1,)), figures.gradient_arrows())

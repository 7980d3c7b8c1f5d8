"""Lesson 07's picture: what its words say, against the closed form."""

from __future__ import annotations

import numpy as np
import pytest

from metalearn_course import figures
from tests.helpers.bowls import after_step, lowest_of, mean_of


def test_the_words_say_both_minima_and_both_losses() -> None:
    loss, bowls = figures.three_bowls()
    frames = figures.landscape_frames(loss, bowls, (0.1, 0.2), points=9)
    alt = figures.landscapes(frames).alt
    for alpha_before, alpha_after in ((0.0, 0.2), (0.2, 0.2)):
        w = lowest_of(after_step(bowls, alpha_before))
        before, after = mean_of(after_step(bowls, 0.0), w), mean_of(after_step(bowls, alpha_after), w)
        assert f"({w[0]:.2f}, {w[1]:.2f})" in alt
        assert f"the mean loss is {before:.3g} before and {after:.3g} after" in alt
    moved = figures.landscapes(frames, start=(-1.4, 2.2), alpha=0.1)
    w = np.array([-1.5, 2.25])
    before, after = mean_of(after_step(bowls, 0.0), w), mean_of(after_step(bowls, 0.1), w)
    assert "From this start (-1.50, 2.25) one step leads to" in moved.alt
    assert f"the mean loss is {before:.3g} before and {after:.3g} after" in moved.alt
    assert moved.png != figures.landscapes(frames).png


def test_a_rate_that_was_not_computed_is_named() -> None:
    with pytest.raises(ValueError, match=r"alpha=0\.7 was"):
        figures.landscapes(figures.landscape_frames(*figures.three_bowls(), points=5), alpha=0.7)

"""Frames of a training against a loop by hand."""

from __future__ import annotations

import json

import pytest
import torch

from metalearn_course.studies.trainings import training_frames
from tests.helpers.pictured import small_trace


def test_training_frames_equal_a_loop_by_hand() -> None:
    w, target, frames = torch.linspace(-1, 1, 20), 0.5, training_frames(small_trace(), squares=4)
    for weights, loss in zip(frames["weights"], frames["loss"], strict=True):
        assert weights == pytest.approx(w[[0, 6, 13, 19]].tolist(), rel=1e-4)
        assert loss == pytest.approx((w - target).square().sum().item(), rel=1e-4)
        w = w - 0.1 * 2 * (w - target)
    assert frames["weight_count"] == 20 and not frames["diverged"]


def test_training_frames_of_an_explosion_are_json() -> None:
    frames = training_frames(small_trace(rate=1e20, steps=8))
    assert frames["diverged"] and frames["loss"][-1] is None
    assert "NaN" not in json.dumps(frames, allow_nan=False)

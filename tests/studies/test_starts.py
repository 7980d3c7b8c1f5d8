"""Two starts against `fit` after as many steps."""

from __future__ import annotations

import json

import pytest
import torch.nn.functional as F

from metalearn_course.studies.starts import two_starts_frames
from tests.helpers.pictured import pair, starts, wave


def test_two_starts_equal_fit_at_the_same_steps() -> None:
    task, frames = wave(), starts()
    for name, meta_learner in zip(("pooled", "learned"), pair(), strict=True):
        for at in (0, 1, 5, 10):
            meta_learner.steps = frames["steps"][at]
            expected = meta_learner.fit(task.support)(task.query.x)
            error = F.mse_loss(expected, task.query.y).item()
            assert frames[name]["curves"][at] == pytest.approx(expected.flatten().tolist(), rel=1e-3, abs=1e-4)
            assert frames[name]["error"][at] == pytest.approx(error, rel=1e-3)
    json.dumps(frames, allow_nan=False)


def test_two_starts_of_points_on_no_known_wave() -> None:
    frames = two_starts_frames(*pair(), wave().support)
    assert frames["truth"] is None and frames["pooled"]["error"] is None

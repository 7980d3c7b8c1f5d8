"""Clusters in the plane of their prototypes against what the method answers there."""

from __future__ import annotations

import json

import pytest
import torch

from metalearn_course.studies.clusters import cluster_frames, reach
from tests.helpers.pictured import cloud


def test_borders_of_the_clusters_are_where_the_method_changes_its_answer() -> None:
    """On a grid of the plane, the class of the nearest prototype in the whole embedding changes at the edges only."""
    method, states, task = cloud()
    frame = cluster_frames(method, states, task)[-1]
    method.load_state_dict(states[30])
    prototypes = method.fit(task.support).adapted.detach().double()
    center = prototypes.mean(0)
    scale = (prototypes - center).square().sum(-1).mean().sqrt()
    # the axes of the plane, from where the prototypes are in it: three prototypes span exactly a plane
    flat = torch.tensor(frame["prototypes"], dtype=torch.float64)
    axes = torch.linalg.lstsq(flat, (prototypes - center) / scale).solution
    for (x0, x1), (y0, y1) in frame["edges"]:
        along = torch.tensor([x1 - x0, y1 - y0], dtype=torch.float64)
        across = torch.stack([-along[1], along[0]]) / along.norm()
        for part in (0.3, 0.6):
            place = torch.tensor([x0, y0], dtype=torch.float64) + part * along
            sides = [(center + scale * (place + side * across) @ axes) for side in (1e-2, -1e-2)]
            classes = [int((side - prototypes).square().sum(-1).argmin()) for side in sides]
            assert classes[0] != classes[1]
    assert 2 <= len(frame["edges"]) <= 3


def test_cluster_frames_tell_what_the_method_answers_and_hold_still() -> None:
    method, states, task = cloud()
    frames = cluster_frames(method, states, task)
    json.dumps(frames, allow_nan=False)
    for frame, (step, state) in zip(frames, states.items(), strict=True):
        method.load_state_dict(state)
        answers = method.fit(task.support)(task.query.x).argmax(-1)
        assert frame["step"] == step and frame["wrong"] == (answers != task.query.y).tolist()
        assert frame["accuracy"] == pytest.approx((answers == task.query.y).float().mean().item())
    same = cluster_frames(method, {0: states[30], 1: states[30]}, task)
    assert torch.allclose(torch.tensor(same[0]["query"]), torch.tensor(same[1]["query"]), atol=2e-4)
    assert reach(frames) > 0

"""Lesson 07's numbers against their closed form: for bowls a step and both minima are linear algebra (bowls.py)."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from metalearn_course.studies.landscapes import Bowl, from_start, landscape_frames, nearest, three_bowls
from tests.helpers.bowls import after_step, lowest_of, mean_of

ALPHAS = (0.0, 0.1, 0.3, 0.6)
LOSS, _ = three_bowls()


def tilted_bowls(seed: int = 0) -> list[Bowl]:
    """Three bowls, none along an axis, in float64."""
    generator = torch.Generator().manual_seed(seed)
    roots = torch.randn(3, 2, 2, generator=generator, dtype=torch.float64)
    bottoms = 3 * torch.rand(3, 2, generator=generator, dtype=torch.float64) - 1.5
    return [
        Bowl(root @ root.T + 0.3 * torch.eye(2, dtype=torch.float64), c) for root, c in zip(roots, bottoms, strict=True)
    ]


@pytest.fixture(scope="module")
def tasks() -> list[Bowl]:
    return tilted_bowls()


@pytest.fixture(scope="module")
def frames(tasks: list[Bowl]) -> dict:
    return landscape_frames(LOSS, tasks, ALPHAS, points=13)


def test_the_maps_are_the_closed_form_with_w1_to_the_right(frames: dict, tasks: list[Bowl]) -> None:
    axis = np.linspace(-3, 3, 13)
    assert frames["axis"] == pytest.approx(axis.tolist())
    maps = [frames["before"], *frames["after"]]
    for a_map, alpha in zip(maps, (0.0, *ALPHAS), strict=True):
        bowls = after_step(tasks, alpha)
        for j, w2 in enumerate(axis):
            expected = [mean_of(bowls, np.array([w1, w2])) for w1 in axis]
            assert a_map["loss"][j] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("points", [5, 12])
def test_both_minima_solve_their_linear_system_however_coarse_the_grid(seed: int, points: int) -> None:
    tasks = tilted_bowls(seed)
    frames = landscape_frames(LOSS, tasks, ALPHAS, points=points)
    for start, alpha in zip([frames["pooled"], *frames["learned"]], (0.0, *ALPHAS), strict=True):
        w = lowest_of(after_step(tasks, alpha))
        assert start["at"] == pytest.approx(w.tolist(), abs=1e-4)
        assert start["before"] == pytest.approx(mean_of(after_step(tasks, 0.0), w), rel=1e-3)
        assert start["after"] == pytest.approx([mean_of(after_step(tasks, a), w) for a in ALPHAS], rel=1e-3)
    for told, task in zip(frames["tasks"], tasks, strict=True):
        assert told["lowest"] == pytest.approx(task.bottom.tolist(), abs=1e-4)


def test_arrows_end_where_the_closed_form_does(frames: dict, tasks: list[Bowl]) -> None:
    w = np.array([0.37, -1.21])
    here = from_start(LOSS, tasks, ALPHAS, w.tolist())
    for start in (here, frames["pooled"], *frames["learned"], nearest(frames, w)):
        at = np.array(start["at"])
        for i, alpha in enumerate(ALPHAS):
            for k, task in enumerate(tasks):
                expected = at - alpha * task.curvature.numpy() @ (at - task.bottom.numpy())
                assert start["adapted"][i][k] == pytest.approx(expected.tolist(), abs=5e-4)
    assert here["at"] == w.tolist()
    assert here["after"] == pytest.approx([mean_of(after_step(tasks, alpha), w) for alpha in ALPHAS], rel=1e-4)


def test_the_nearest_point_of_the_grid_says_what_python_would(frames: dict, tasks: list[Bowl]) -> None:
    near = nearest(frames, (0.7, -1.3))
    assert near["at"] == [0.5, -1.5]
    exact = from_start(LOSS, tasks, ALPHAS, near["at"])
    assert near["before"] == pytest.approx(exact["before"], rel=1e-4)
    assert near["after"] == pytest.approx(exact["after"], rel=1e-4)
    assert np.array(near["adapted"]) == pytest.approx(np.array(exact["adapted"]), abs=1e-3)


def test_without_a_step_there_is_one_minimum_and_a_rate_of_zero_makes_none(frames: dict) -> None:
    assert frames["alphas"][0] == 0 and frames["learned"][0]["at"] == pytest.approx(frames["pooled"]["at"], abs=1e-4)
    assert np.array(frames["after"][0]["loss"]) == pytest.approx(np.array(frames["before"]["loss"]))


def straight_line_error(bowls: list[tuple[np.ndarray, np.ndarray]], points: int) -> float:
    """How far a straight line between two neighbors on the grid can be off: f'' h^2 / 8, and what rounding adds."""
    steepest = np.linalg.eigvalsh(sum(a for a, _ in bowls) / len(bowls)).max()
    return steepest * (6 / (points - 1)) ** 2 / 8 + steepest * 6 * 1e-3


def test_lines_and_outlines_run_where_the_loss_has_their_level(tasks: list[Bowl]) -> None:
    frames = landscape_frames(LOSS, tasks, ALPHAS)
    json.dumps(frames, allow_nan=False)
    for a_map, alpha in zip([frames["before"], *frames["after"]], (0.0, *ALPHAS), strict=True):
        bowls, levels = after_step(tasks, alpha), np.array(frames["levels"])
        off = straight_line_error(bowls, 41)
        assert a_map["lines"] and a_map["labels"]
        for line in a_map["lines"]:
            values = np.array([mean_of(bowls, np.array(w)) for w in line])
            level = levels[np.abs(np.log(levels / values.mean())).argmin()]
            assert values == pytest.approx(level, rel=0, abs=off)
        for level, *w in a_map["labels"]:
            assert mean_of(bowls, np.array(w)) == pytest.approx(level, rel=0, abs=off) and max(map(abs, w)) < 3
    for told, bowl in zip(frames["tasks"], after_step(tasks, 0.0), strict=True):
        values = [mean_of([bowl], np.array(w)) for line in told["outline"] for w in line]
        expected = pytest.approx([frames["outline_loss"]] * len(values), rel=0, abs=straight_line_error([bowl], 164))
        assert values and values == expected


def test_what_is_no_bowl_is_minimized_too() -> None:
    """Fourth powers, flat at the bottom, and a wave on them: scipy finds the same minima without a gradient."""
    centers = torch.tensor([[1.0, -0.5], [-1.2, 0.3], [0.2, 1.5]], dtype=torch.float64)

    def loss(params: dict, task: torch.Tensor) -> torch.Tensor:
        away = params["w"] - task
        return (0.05 * away**4).sum() + 1 + torch.sin(3 * away[0])

    def mean_after(w: np.ndarray, alpha: float) -> float:
        total = 0.0
        for c in centers.numpy():
            away = w - c
            gradient = 0.2 * away**3 + np.array([3 * math.cos(3 * away[0]), 0])
            moved = away - alpha * gradient
            total += (0.05 * moved**4).sum() + 1 + math.sin(3 * moved[0])
        return total / 3

    frames = landscape_frames(loss, list(centers), (0.05, 0.2), points=31)
    for start, value, alpha in (
        (frames["pooled"], frames["pooled"]["before"], 0.0),
        (frames["learned"][0], frames["learned"][0]["after"][0], 0.05),
        (frames["learned"][1], frames["learned"][1]["after"][1], 0.2),
    ):
        places = [np.array([w1, w2]) for w1 in np.linspace(-3, 3, 25) for w2 in np.linspace(-3, 3, 25)]
        best = minimize(mean_after, min(places, key=lambda w: mean_after(w, alpha)), (alpha,), "Nelder-Mead")
        assert value == pytest.approx(best.fun, abs=1e-4)
        assert start["at"] == pytest.approx(best.x.tolist(), abs=5e-3)


def test_the_three_bowls_have_their_minima_in_different_places() -> None:
    loss, bowls = three_bowls()
    before, after = lowest_of(after_step(bowls, 0.0)), lowest_of(after_step(bowls, 0.2))
    assert np.linalg.norm(after - before) > 2
    steepest = [np.abs(np.diag(bowl.curvature.numpy())).argmax() for bowl in bowls[:2]]
    assert steepest == [0, 1]
    away = torch.tensor([0.5, -1.0])
    value = loss({"w": bowls[0].bottom + away}, bowls[0]).item()
    assert value == pytest.approx(0.5 * away.numpy() @ bowls[0].curvature.numpy() @ away.numpy())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda tasks: landscape_frames(LOSS, []), "There are 0 tasks; expected 1 to 5"),
        (lambda tasks: landscape_frames(LOSS, tasks * 2), "There are 6 tasks"),
        (lambda tasks: landscape_frames(LOSS, tasks, alphas=()), "at least one alpha"),
        (lambda tasks: landscape_frames(LOSS, tasks, extent=(1, -1)), "a low end below a high one"),
        (lambda tasks: landscape_frames(LOSS, tasks, extent=(-0.1, 0.1)), "off the map; widen extent"),
        (lambda tasks: landscape_frames(lambda p, t: p["w"], tasks), r"has shape \(2,\); expected a scalar"),
        (lambda tasks: landscape_frames(lambda p, t: p["w"].sum(), tasks), "must not be negative"),
    ],
)
def test_wrong_input_is_named(wrong, words: str, tasks: list[Bowl]) -> None:
    with pytest.raises(ValueError, match=words):
        wrong(tasks)

"""compare: the same episodes for all, differences within them, and what each method costs."""

from __future__ import annotations

import math

import pytest
import torch

from metalearn_course import NearestNeighbor, Prototypical, compare, evaluate, meta_train, mlp
from metalearn_course.tasks.point_clouds import PointClouds


def methods() -> dict[str, object]:
    torch.manual_seed(0)
    return {"nearest": NearestNeighbor(), "prototypical": Prototypical(mlp(4, 16, 8))}


def test_rows_hold_what_evaluate_gives_and_paired_differences() -> None:
    tasks, both = PointClouds(queries=6), methods()
    rows = {row.name: row for row in compare(both, tasks, symbols=PointClouds(shots=1), episodes=50, seed=3)}
    alone = {name: evaluate(method, tasks, episodes=50, seed=3) for name, method in both.items()}
    for name, row in rows.items():
        assert row.result.mean == alone[name].mean
        assert row.symbols is not None and "1-shot" in row.symbols.protocol
        assert row.milliseconds > 0
    each = alone["nearest"].per_task - alone["prototypical"].per_task
    assert rows["prototypical"].difference is None
    assert rows["nearest"].difference == pytest.approx((each.mean().item(), 1.96 * each.std().item() / math.sqrt(50)))


def test_parameters_and_seconds() -> None:
    both = methods()
    history = meta_train(both["prototypical"], PointClouds(), 3, progress=False)
    nearest, prototypical = compare(both, PointClouds(), episodes=4)
    assert (nearest.parameters, nearest.seconds) == (0, None)
    assert prototypical.parameters == 4 * 16 + 16 + 16 * 8 + 8
    assert prototypical.seconds == history.seconds and prototypical.symbols is None


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="at least one meta-learner"):
        compare({}, PointClouds())
    with pytest.raises(ValueError, match="'maml' is none of the methods: 'nearest', 'prototypical'"):
        compare(methods(), PointClouds(), against="maml")

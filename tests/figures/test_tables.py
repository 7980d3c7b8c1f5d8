"""Tables that show several trainings of one method."""

from __future__ import annotations

import pytest
import torch

from metalearn_course import figures
from metalearn_course.classroom import results
from metalearn_course.evaluation import Dependencies, Evaluation
from metalearn_course.evaluation.compare import Row
from metalearn_course.trained.meta_learners import RECIPES

ROWS = [
    {"name": "maml", "seed": 0, "mean": 0.25, "interval": 0.01},
    {"name": "reptile", "seed": 0, "mean": 0.9, "interval": 0.01},
    {"name": "maml", "seed": 1, "mean": 0.75, "interval": 0.01},
    {"name": "maml", "seed": 2, "mean": 0.35, "interval": 0.01},
]


def test_several_trainings_are_told_by_mean_and_range() -> None:
    assert figures.over_trainings(ROWS, "maml") == "0.450 (0.250 to 0.750)"


def test_one_training_has_no_range() -> None:
    assert figures.over_trainings(ROWS, "reptile") == "0.900 (one training)"


def test_a_method_that_was_not_trained_is_told_which_were() -> None:
    with pytest.raises(ValueError, match="No training of 'anil' among: maml, reptile"):
        figures.over_trainings(ROWS, "anil")


@pytest.mark.parametrize("source", ["omniglot", "glyphs"])
def test_every_shipped_method_has_its_trainings_in_the_results(source: str) -> None:
    rows = results(f"weights_{source}")["rows"]
    assert {row["name"] for row in rows} == set(RECIPES)
    assert len({(row["name"], row["seed"]) for row in rows}) == len(rows)
    assert all(0.2 < row["mean"] < 1 and 0 < row["interval"] < 0.05 for row in rows)


def test_further_rows_of_the_method_table_stand_beneath_the_accuracies() -> None:
    result = Evaluation(0.42, 0.01, torch.zeros(2), "5-way 1-shot", Dependencies(True, False, False))
    rows = [Row("pixels", result, (0.0, 0.0), 0, None, 0.1, None), Row("MAML", result, None, 9, 1.0, 1.0, None)]
    table = figures.method_table(rows, {"over trainings": {"MAML": "0.450 (0.250 to 0.750)", "not shown": "1"}})
    names = [row[0] for row in table.rows]
    assert list(table.rows[names.index("over trainings")]) == ["over trainings", "", "0.450 (0.250 to 0.750)"]
    assert names.index("± (95%, paired)") + 1 == names.index("over trainings") == names.index("parameters") - 1


def test_mean_and_range_of_values() -> None:
    assert figures.mean_and_range([1.0, 0.5, 3.0]) == "1.50 (0.50 to 3.00)"
    assert figures.mean_and_range([0.25], digits=3) == "0.250 (one training)"


def test_no_value_has_no_mean() -> None:
    with pytest.raises(ValueError, match="one training at least"):
        figures.mean_and_range([])

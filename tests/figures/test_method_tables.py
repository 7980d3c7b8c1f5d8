"""Methods as rows."""

from __future__ import annotations

import torch

from metalearn_course import figures
from metalearn_course.evaluation import Dependencies, Evaluation
from metalearn_course.evaluation.compare import Row

RESULT = Evaluation(0.42, 0.01, torch.zeros(2), "5-way 1-shot", Dependencies(True, False, False))
ROWS = [
    Row("pixels", RESULT, (-0.18, 0.012), 0, None, 0.12, RESULT),
    Row("mine", RESULT, None, 93_920, 29.6, 1.5, RESULT),
]


def test_accuracies_have_a_row_a_method() -> None:
    table = figures.accuracy_table(ROWS, {"over trainings": {"mine": "0.41 (0.40 to 0.42)"}})
    assert table.header == [
        "method", "accuracy ± 95%", "minus mine ± 95%, paired", "over trainings", "your symbols",
    ]  # fmt: skip
    assert table.rows == [
        ["pixels", "0.420 ± 0.010", "-0.180 ± 0.012", "", "0.420"],
        ["mine", "0.420 ± 0.010", "", "0.41 (0.40 to 0.42)", "0.420"],
    ]
    assert any("measured: every answer" in note for note in table.notes)


def test_without_symbols_their_column_is_left_out() -> None:
    table = figures.accuracy_table([Row("mine", RESULT, None, 1, 1.0, 1.0, None)])
    assert [len(table.header), len(table.rows[0])] == [3, 3]


def test_costs_have_a_row_a_method() -> None:
    assert figures.cost_table(ROWS).rows == [["pixels", "0", "–", "0.1"], ["mine", "94k", "30", "1.5"]]

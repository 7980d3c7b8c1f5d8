"""Lesson 05's tables say the numbers that they are given."""

from __future__ import annotations

from metalearn_course import figures
from metalearn_course.figures.memory_tables import memory_by_hand, reads_table, traced_label
from metalearn_course.studies.memories import ReadShares
from metalearn_course.studies.traced_label import Answers, TracedLabel


def test_a_memory_by_hand_has_a_row_a_step() -> None:
    table = memory_by_hand({"a": [1.0, 0.0], "b": [0.0, 1.0], "a again": [0.9, 0.3]})
    assert [row[0] for row in table.rows] == ["0: a", "1: b", "2: a again"]
    assert list(table.rows[2][1:4]) == ["(0.90, 0.30)", "(0.99, 0.01)", "0"]


def test_a_traced_label_has_a_row_a_pair() -> None:
    traced = TracedLabel({("y", "empty"): Answers(0.9, 0.02, 0.3, 0.04)}, 11, 15)
    table = traced_label(traced)
    assert list(table.rows[0]) == ["no memory", "y", "empty", "0.90", "0.02", "0.30", "0.60"]
    assert "back 11 times, another 15" in table.notes[0]


def test_reads_stand_beside_a_slot_at_random() -> None:
    rows = reads_table(ReadShares(0.84, 0.12, 0.04, 0.2)).rows
    assert [row[1:] for row in rows] == [["0.84", "0.20"], ["0.12", "0.80"], ["0.04", "0.00"]]


def test_they_are_public() -> None:
    assert {"memory_by_hand", "reads_table", "traced_label", "read_shares", "trace_label"} <= {*figures.__all__}

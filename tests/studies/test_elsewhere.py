"""How far a rule carries: what the command measured, beside what was measured here."""

import pytest
from torch import tensor

from metalearn_course.studies.elsewhere import by_command, final_losses, over_best

ROWS = {
    "home": {"learned": 1.0, "learned, median": 0.5, "SGD": 4.0, "SGD, median": 3.0, "Adam": 2.0, "Adam, median": 8.0},
    "ReLU": {"learned": 9.0, "learned, median": 0.1, "SGD": 5.0, "SGD, median": 4.0, "Adam": 6.0, "Adam, median": 2.0},
}
HERE = {"home": tensor([[9.0, 1.0], [9.0, 2.0], [9.0, 6.0]]), "ReLU": tensor([[9.0, 10.0], [9.0, 20.0], [9.0, 60.0]])}


def test_the_command_s_table_has_a_row_for_every_rule_and_a_column_for_every_setting():
    assert by_command(ROWS, ["learned", "Adam"], ["ReLU", "home"]) == [[9.0, 1.0], [6.0, 2.0]]
    assert by_command(ROWS, ["Adam"], ["home", "ReLU"], "median") == [[8.0, 2.0]]


def test_losses_are_those_after_the_last_step():
    assert final_losses(HERE) == {"home": 3.0, "ReLU": 30.0}
    assert final_losses(HERE, "median") == {"home": 2.0, "ReLU": 20.0}


def test_each_is_compared_with_the_best_reference_of_its_setting_and_measure():
    assert over_best(HERE, ROWS, ["SGD", "Adam"]) == {"home": 3 / 2, "ReLU": 30 / 5}
    assert over_best(HERE, ROWS, ["SGD", "Adam"], "median") == {"home": 2 / 3, "ReLU": 20 / 2}


def test_an_unknown_measure_is_named():
    for call in (lambda: final_losses(HERE, "mode"), lambda: by_command(ROWS, ["SGD"], ["home"], "mode")):
        with pytest.raises(ValueError, match="measure='mode' is unknown"):
            call()

"""Where one rule is ahead of another: numbers added up by hand."""

import pytest
import torch
from torch import tensor

from metalearn_course import figures
from metalearn_course.studies.leads import leads

OURS, THEIRS = tensor([4.0, 1.0, 1.0, 3.0]), tensor([8.0, 5.0, 2.0, 2.0])
GROUPS = {"steep": tensor([3, 2]), "flat": tensor([0, 1])}


def test_every_group_has_its_means_its_share_of_the_lead_and_how_often_the_first_is_ahead():
    found = leads(OURS, THEIRS, GROUPS)
    assert found["flat"] == (2.5, 6.5, 1.0, 1.0)  # leads of 4 and 4, of 8 in all
    assert found["steep"] == (2.0, 2.0, 0.0, 0.5)  # leads of -1 and 1
    assert sum(each.share for each in found.values()) == 1


def test_the_table_says_them():
    shown = repr(figures.leads_table(leads(OURS, THEIRS, GROUPS), "learned", "momentum", "bowls", "By slope."))
    head, _, steep, flat, note = shown.splitlines()
    assert head.split("  ") and head.startswith("bowls") and "learned, mean" in head and "learned is ahead on" in head
    assert steep.split() == ["steep", "2.00", "2.00", "0%", "50%"] and flat.split() == [
        "flat",
        "2.50",
        "6.50",
        "100%",
        "100%",
    ]
    assert note == "By slope."


@pytest.mark.parametrize(
    ("theirs", "groups", "words"),
    [
        (THEIRS[:3], GROUPS, r"shapes \(4,\) and \(3,\)"),
        (THEIRS, {"none": tensor([], dtype=torch.long)}, "'none' holds"),
    ],
)
def test_what_does_not_fit_is_named(theirs, groups, words):
    with pytest.raises(ValueError, match=words):
        leads(OURS, theirs, groups)

"""A label is traced to the part that holds it: referees are readers that keep it in one part only."""

from __future__ import annotations

import pytest
import torch

from metalearn_course import Episodes, characters
from metalearn_course.meta_learners import MemoryAugmented
from metalearn_course.studies.traced_label import trace_label
from metalearn_course.tasks.point_clouds import PointClouds


class Keeps(MemoryAugmented):
    """Answers every image with the first label that it was told; keeps it in the controller, or in the memory."""

    def __init__(self, ways, part):
        super().__init__(16, ways, slots=6, width=6, hidden=6)
        self.part = part

    def step(self, state, x, y_before):
        kept = state.h if self.part == "controller" else state.slots[0]
        new = torch.where(kept.sum() > 0.5, kept, torch.nn.functional.pad(y_before, (0, 6 - len(y_before))))
        if self.part == "controller":
            return state._replace(h=new), kept[: len(y_before)]
        return state._replace(slots=torch.cat([new[None], state.slots[1:]])), kept[: len(y_before)]


@pytest.fixture(scope="module")
def sequences():
    data = characters(source="glyphs")
    return Episodes(data.embedded(torch.nn.Sequential(torch.nn.AvgPool2d(7), torch.nn.Flatten())), 5, 3, 1)


@pytest.mark.parametrize(("part", "place"), [("controller", 0), ("memory", 1)])
def test_the_answer_follows_the_part_that_keeps_the_label(sequences, part, place):
    traced = trace_label(Keeps(5, part), sequences, episodes=200)
    assert traced.back > 20 and traced.another > 20
    for pair, answers in traced.answers.items():
        if pair[place] == "y":
            assert answers == (1, 0, 1, 0)
        elif pair[place] == "y′":
            assert answers == (0, 1, 0, 1)


def test_where_no_sign_comes_back_a_line_says_so():
    with pytest.raises(ValueError, match="never comes back"):
        trace_label(MemoryAugmented(4, 3, slots=4, width=4, hidden=8), PointClouds(shots=1, queries=1), episodes=1)

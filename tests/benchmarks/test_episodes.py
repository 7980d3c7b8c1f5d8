"""The loss without episodes, against its definition written out as loops."""

from __future__ import annotations

import math
import sys

import pytest
import torch

from metalearn_course import Examples, Task
from metalearn_course._common.environment import repository

FEW = ([0, 1, 2], [0, 1, 2, 1, 0, 2])
UNEQUAL = ([0, 1], [0, 0, 1, 0])


@pytest.mark.parametrize("labels", [FEW, UNEQUAL])
def test_all_pairs_is_the_attention_of_every_example_to_those_of_its_class(labels, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(repository() / "benchmarks"), *sys.path])
    from episodes import AllPairs

    support, query = (torch.tensor(y) for y in labels)
    x, y = (
        torch.randn(len(support) + len(query), 3, generator=torch.Generator().manual_seed(0)),
        [*labels[0], *labels[1]],
    )
    task = Task(Examples(x[: len(support)], support), Examples(x[len(support) :], query), torch.arange(3))

    def nearness(i, j):
        return math.exp(-sum((a - b) ** 2 for a, b in zip(x[i].tolist(), x[j].tolist(), strict=True)))

    losses = []
    for i in range(len(y)):
        others = [j for j in range(len(y)) if j != i]
        own = sum(nearness(i, j) for j in others if y[j] == y[i])
        losses.append(-math.log(own / sum(nearness(i, j) for j in others)))
    assert AllPairs(torch.nn.Identity()).objective(task).item() == pytest.approx(sum(losses) / len(losses), rel=1e-4)

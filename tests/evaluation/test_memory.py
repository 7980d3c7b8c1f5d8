"""Tasks go through together as far as memory goes, and 25 at a time wherever they fit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from metalearn_course import MAML, NearestNeighbor, Prototypical, evaluate, mlp
from metalearn_course.evaluation import memory, predictions
from metalearn_course.evaluation.memory import Peak, at_once, parts
from metalearn_course.tasks import PointClouds, one_task


def stack(count=25, **options):
    return PointClouds(**options).sample(count, torch.Generator().manual_seed(0))


def test_the_peak_is_what_is_alive_together():
    """Ten numbers of 4 bytes, three times, of which two are alive together."""
    with Peak() as peak:
        a = torch.zeros(1000)
        b = a + 1
        assert peak.most == 8000
        del a
        c = b + 1
        assert peak.most == 8000
        d = c + 1
        assert peak.most == 12000 and d.sum() == 3000


@pytest.mark.parametrize("limit", [1, 2, 7, 25, 100])
def test_as_many_as_fit_go_together(limit, monkeypatch):
    batch = stack()
    single = stack(1)
    with Peak() as peak, torch.no_grad():
        predictions(NearestNeighbor(), single)
    monkeypatch.setattr(memory, "_SURE", 0)
    monkeypatch.setattr(memory, "_LIMIT", limit * peak.most)
    with torch.no_grad():
        assert at_once(lambda tasks: predictions(NearestNeighbor(), tasks), batch) == min(limit, 25)


def test_one_task_goes_through_however_large_it_is(monkeypatch):
    monkeypatch.setattr(memory, "_SURE", 0)
    monkeypatch.setattr(memory, "_LIMIT", 1)
    assert at_once(lambda tasks: predictions(NearestNeighbor(), tasks), stack()) == 1
    assert evaluate(NearestNeighbor(), PointClouds(), episodes=7).per_task.shape == (7,)


def test_small_inputs_are_not_even_tried():
    def never(tasks):
        raise AssertionError

    assert at_once(never, stack()) == 25 and at_once(never, stack(1)) == 1


def test_parts_are_the_stack_again():
    batch = stack(10)
    cut = [*parts(batch, 4)]
    assert [len(part.classes) for part in cut] == [4, 4, 2]
    for i in range(10):
        one, same = one_task(cut[i // 4], i % 4), one_task(batch, i)
        assert torch.equal(one.support.x, same.support.x) and torch.equal(one.query.y, same.query.y)
    assert torch.equal(next(parts(batch, 25)).support.x, batch.support.x)


@pytest.mark.parametrize("make", [NearestNeighbor, lambda: Prototypical(mlp(4, 8)), lambda: MAML(mlp(4, 8, 3), 2, 0.1)])
def test_fewer_at_a_time_meet_the_same_tasks(make, monkeypatch):
    """The draws are those of 25 at a time; what is measured is the same but for the last digits."""
    torch.manual_seed(0)
    method = make()
    together = evaluate(method, PointClouds(), episodes=60)
    monkeypatch.setattr(memory, "_SURE", 0)
    monkeypatch.setattr(memory, "_LIMIT", 1)
    alone = evaluate(method, PointClouds(), episodes=60)
    torch.testing.assert_close(alone.per_task, together.per_task)
    assert alone.mean == pytest.approx(together.mean) and alone.protocol == together.protocol


def test_looking_at_memory_draws_no_random_numbers(monkeypatch):
    class Noisy(Prototypical):
        def predict(self, adapted, x):
            return super().predict(adapted, x) + torch.rand(len(x), self.ways)

    method = Noisy(nn.Identity())
    looked_at = []
    for sure in (memory._SURE, 0):
        monkeypatch.setattr(memory, "_SURE", sure)
        looked_at.append(evaluate(method, PointClouds(), episodes=30).per_task)
    assert torch.equal(*looked_at)

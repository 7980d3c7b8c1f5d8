"""Tasks go through together as far as memory goes, and 25 at a time wherever they fit."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from metalearn_course import MAML, NearestNeighbor, Prototypical, dependencies, evaluate, mlp
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


LARGE = """
import resource, torch
from metalearn_course import Examples, Prototypical, Task, conv4, evaluate
torch.set_num_threads(1)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
imported = peak()

class FortyWays:
    protocol = "40-way 5-shot noise, 15 queries"
    def sample(self, tasks, generator):
        def images(each):
            x = torch.rand(tasks, 40 * each, 1, 28, 28, generator=generator)
            return Examples(x, torch.arange(40).repeat_interleave(each).repeat(tasks, 1))
        return Task(images(5), images(15), torch.arange(40).repeat(tasks, 1))

result = evaluate(Prototypical(conv4(64)), FortyWays(), episodes=4)
assert result.per_task.shape == (4,) and str(result.dependencies) == "depends on its own support set only"
print(peak() - imported)
"""


@pytest.mark.takes(25)
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is in kilobytes on Linux")
def test_forty_ways_take_less_than_one_and_a_half_gigabytes():
    """As the system counts it; 8.2 GB once, for 25 tasks at once, and 1.7 with all queries below.

    What torch takes when it is imported is left out: a quarter of a gigabyte, and twice that with its parts for a GPU.
    """
    child = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True)
    assert int(child.stdout.split()[-1]) * 1024 < 1.5e9 - 0.25e9


def test_dependencies_are_measured_among_fewer_queries_only_where_inputs_are_large(monkeypatch):
    """Ten queries tell as much: a method whose answers are centred on the query set leaks in both."""

    class Centred(Prototypical):
        seen = ()

        def predict(self, adapted, x):
            self.seen = (*self.seen, len(x))
            return super().predict(adapted, x - x.mean(0))

    many = PointClouds(queries=20)
    for sure, queries in ((memory._SURE, 60), (0, 10)):
        monkeypatch.setattr(memory, "_SURE", sure)
        method = Centred(nn.Identity())
        assert str(dependencies(method, many)) == "transductive: depends on the other queries"
        assert set(method.seen) == {queries}
        assert str(dependencies(Prototypical(nn.Identity()), many)) == "depends on its own support set only"

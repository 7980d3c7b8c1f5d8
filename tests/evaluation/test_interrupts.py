"""An evaluation can be stopped, with the result of what was measured, and watched."""

from __future__ import annotations

import signal

import pytest
import torch

from metalearn_course import NearestNeighbor, compare, evaluate
from metalearn_course.tasks import PointClouds

EPISODES = 60  # 25 tasks at a time: three draws


class Raised(PointClouds):
    """Sends the interrupt of a keyboard while draw number `at` of the evaluation is made, `times` times."""

    def __init__(self, at, times=1):
        super().__init__()
        self.at, self.times, self.draws = at, times, 0

    def sample(self, tasks, generator):
        if tasks > 2:  # not those that measure dependencies
            self.draws += 1
            for _ in range(self.times if self.draws == self.at else 0):
                signal.raise_signal(signal.SIGINT)
        return super().sample(tasks, generator)


def test_an_interrupt_gives_what_was_measured(capsys):
    whole, stopped = (evaluate(NearestNeighbor(), tasks, episodes=EPISODES) for tasks in (PointClouds(), Raised(2)))
    assert torch.equal(stopped.per_task, whole.per_task[:50])
    assert stopped.mean == pytest.approx(whole.per_task[:50].mean().item())
    assert stopped.interval == pytest.approx(1.96 * whole.per_task[:50].std().item() / 50**0.5)
    assert stopped.protocol == f"{PointClouds().protocol}, 50 of 60 tasks" and stopped.protocol in str(stopped)
    assert stopped.dependencies == whole.dependencies
    said = "NearestNeighbor: interrupted after 50 of 60 tasks. The result is that of these.\n"
    assert capsys.readouterr().out == said


def test_an_interrupt_at_the_last_tasks_loses_nothing(capsys):
    result = evaluate(NearestNeighbor(), Raised(3), episodes=EPISODES)
    assert len(result.per_task) == 60 and result.protocol.endswith(", 60 tasks") and not capsys.readouterr().out


def test_a_second_interrupt_stops_at_once_and_the_handler_is_the_old_one_again():
    before, method = signal.getsignal(signal.SIGINT), NearestNeighbor().train()
    with pytest.raises(KeyboardInterrupt):
        evaluate(method, Raised(1, times=2), episodes=EPISODES)
    assert signal.getsignal(signal.SIGINT) is before and method.training


def test_before_two_tasks_there_is_no_result(monkeypatch):
    monkeypatch.setattr("metalearn_course.evaluation.memory._SURE", 0)
    monkeypatch.setattr("metalearn_course.evaluation.memory._LIMIT", 1)
    with pytest.raises(KeyboardInterrupt, match=r"^NearestNeighbor: stopped before two tasks were measured\.$"):
        evaluate(NearestNeighbor(), Raised(1), episodes=EPISODES)


def test_a_comparison_ends_and_says_where(capsys):
    methods = {"a": NearestNeighbor(), "b": NearestNeighbor()}
    with pytest.raises(
        KeyboardInterrupt, match=r"^compare was stopped at 'b'; evaluate gives what a single method has"
    ):
        compare(methods, Raised(5), episodes=EPISODES)


def test_progress_is_shown_on_demand_and_changes_nothing(capsys):
    silent = evaluate(NearestNeighbor(), PointClouds(), episodes=EPISODES)
    assert capsys.readouterr().out == ""
    watched = evaluate(NearestNeighbor(), PointClouds(), episodes=EPISODES, progress=True)
    shown = capsys.readouterr().out
    assert "evaluate NearestNeighbor" in shown and "/60" in shown and shown.endswith("\r")
    assert torch.equal(watched.per_task, silent.per_task)
    rows = compare({"a": NearestNeighbor()}, PointClouds(), episodes=EPISODES, progress=True)
    assert "evaluate NearestNeighbor" in capsys.readouterr().out
    assert torch.equal(rows[0].result.per_task, silent.per_task)

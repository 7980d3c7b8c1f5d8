import threading

import pytest

from metalearn_course._common.environment import CourseError
from metalearn_course.authoring.schedule import Ahead, Outcome, Proof, carry_out


def proof(what, seconds=1.0, kind="lesson", alone=False, prove=None):
    return Proof(what, kind, seconds, prove or (lambda: Outcome(what, "fine")), alone)


class Clock:
    """A clock that proofs move."""

    now = 0.0

    def __call__(self):
        return self.now

    def taking(self, what, guess, seconds, **options):
        def prove():
            self.now += seconds
            return Outcome(what)

        return proof(what, guess, prove=prove, **options)


def test_seconds_left_are_guesses_at_the_pace_of_what_ran_of_the_same_kind():
    clock = Clock()
    plan = [
        clock.taking("a", 1, 4, kind="answers", alone=True),
        clock.taking("b", 2, 6, kind="answers", alone=True),
        clock.taking("c", 10, 15),
        clock.taking("d", 20, 30),
    ]
    done = list(carry_out(plan, clock=clock))
    assert [one.seconds for one in done] == [4, 6, 15, 30]
    assert [(one.number, one.total) for one in done] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    # after a: 2 x 4 for b, and 30 unmeasured; after c: 20 at the pace of 1.5
    assert [one.left for one in done] == [38, 30, 30, 0]


def test_what_runs_side_by_side_is_divided_by_the_jobs_and_never_below_the_longest():
    plan = [proof("alone", 5, alone=True), proof("a", 30), proof("b", 10), proof("c", 20)]
    ahead = Ahead(plan, jobs=2)
    assert ahead.seconds(0.0) == 5 + 60 / 2
    for one in plan[:3]:
        ahead.begin(one, 0.0)
    assert ahead.end(plan[0], 5.0) == 5
    ahead.end(plan[2], 10.0)
    assert ahead.seconds(10.0) == 20  # 20 of a's 30 are left, and c's 20: side by side
    assert ahead.seconds(25.0) == 20  # 5 and 20


def test_proofs_alone_come_before_any_other_and_the_others_run_at_the_same_time():
    together, log = threading.Barrier(3, timeout=20), []

    def meet(what):
        def prove():
            together.wait()  # passes only where three are there at once
            log.append(what)
            return Outcome(what)

        return prove

    def note(what):
        def prove():
            log.append(what)
            return Outcome(what)

        return prove

    plan = [proof("first", alone=True, prove=note("first"))]
    plan += [proof(name, prove=meet(name)) for name in "abc"]
    plan += [proof("last", alone=True, prove=note("last"))]
    done = list(carry_out(plan, jobs=3))
    assert log[:2] == ["first", "last"] and sorted(log[2:]) == ["a", "b", "c"]
    assert sorted(one.proof.what for one in done) == ["a", "b", "c", "first", "last"]
    assert [one.number for one in done] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_the_course_is_a_problem_and_the_others_go_on(jobs):
    def broken():
        raise CourseError("x.ipynb is not a notebook\nand more")

    done = list(carry_out([proof("a", prove=broken), proof("b")], jobs))
    problems = {one.outcome.what: one.outcome.problems for one in done}
    assert problems == {"a": ["x.ipynb is not a notebook", "and more"], "b": []}


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_ours_is_not_hidden(jobs):
    def broken():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(carry_out([proof("a", prove=broken)], jobs))

"""Prove that marks are right: no argument of an exercise can be written in, and no number names two mistakes."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from metalearn_course.authoring.proofs import WrittenAnswer, answers_of, named
from metalearn_course.classroom.answer import Answer
from metalearn_course.classroom.checks.at_random import AtRandom, of_a_draw, one_draw
from metalearn_course.classroom.checks.cases import fresh
from metalearn_course.classroom.checks.kit import AllOf, Asked, Check, Rival, Rule, ask
from metalearn_course.classroom.exercise import Declared, Exercise
from metalearn_course.classroom.mistakes import Mistake
from metalearn_course.classroom.register import exercises_of

# (exercise, argument): why its check need not see that the argument was frozen. No other needs it: scenarios, too,
# call the function itself, so that a generator, a module or a function that is handed over can be frozen as well.
MAY_BE_FROZEN: dict[tuple[str, str], str] = {
    ("regret", "paid"): "it is there to be left out: a right answer does not use what luck paid",
}

SEEDS_ASKED = 8  # of the cases drawn at random, where the written ones do not see that an argument was frozen
PATIENCE = 60.0  # seconds for a call of a right answer, however busy the machine is


def check_of(exercise: Exercise) -> Check:
    """The declared check of an exercise."""
    return import_module(f"metalearn_course.classroom.checks.lesson_{exercise.lesson}.{exercise.name}").CHECK


def arguments(exercise: Exercise) -> list[str]:
    """The arguments of an exercise, in their order."""
    return list(inspect.signature(check_of(exercise).reference).parameters)


def problems(exercise: Exercise, answers: list[WrittenAnswer]) -> list[str]:
    """All that is wrong about the marks of an exercise."""
    with contextlib.redirect_stdout(io.StringIO()):  # some wrong answers print
        return frozen_problems(exercise) + coincidences(exercise, answers)


def freezing(function: Callable[..., Any], argument: str) -> Callable[..., Any]:
    """`function` with one argument always as it was at the first call."""
    signature = inspect.signature(function)
    first: list[Any] = []

    @functools.wraps(function)
    def frozen(*args: Any, **kwargs: Any) -> Any:
        inputs = signature.bind(*args, **kwargs).arguments
        if not first:
            first.append(fresh(inputs[argument]))
        return function(**inputs | {argument: fresh(first[0])})

    return frozen


def frozen_arguments(exercise: Exercise) -> dict[str, str]:
    """What the check says of the reference with each argument frozen in turn: the mistake, or "accepted".

    Where only the cases drawn at random notice, they have to for each of `SEEDS_ASKED` seeds: a check that notices in
    most draws accepts a wrong answer now and then.
    """
    return {name: _said_of_frozen(exercise, name) for name in arguments(exercise)}


def _said_of_frozen(exercise: Exercise, argument: str) -> str:
    reference, said = check_of(exercise).reference, ""
    for seed in range(SEEDS_ASKED):
        with one_draw(seed):
            verdict = exercise.judge(freezing(reference, argument))
        said = verdict.mistake or "accepted"
        if said == "accepted" or not of_a_draw(verdict.message):
            break
    return said


def frozen_problems(exercise: Exercise) -> list[str]:
    """The arguments that can be written in."""
    return [
        f"{exercise.name}: an answer with `{argument}` as it was at the first call is accepted: let it vary."
        for argument, said in frozen_arguments(exercise).items()
        if said == "accepted" and (exercise.name, argument) not in MAY_BE_FROZEN
    ]


def rivals_of(rules: tuple[Rule, ...]) -> Iterator[Rival]:
    """The rivals among rules, those in rows of rules included."""
    for rule in rules:
        if isinstance(rule, AllOf):
            yield from rivals_of(rule.rules)
        elif isinstance(rule, Rival):
            yield rule


def coincidences(exercise: Exercise, answers: list[WrittenAnswer]) -> list[str]:
    """Where a rule names a mistake by a number, and another mistake has that number, too.

    The others are all rivals of the exercise, and the wrong answers of tests/answers that are not named so.
    """
    check = check_of(exercise)
    known = list(rivals_of(check.rules))
    assert isinstance(exercise.check, Declared)
    asked = Asked(Answer(check.reference), check.reference, exercise.check.texts)
    found = []
    for rule in known:
        name = rule.key.partition("/")[0]
        others = {
            f"the rival {other.key}": functools.partial(_of_rival, wrong, other)
            for other in known
            if other.key.partition("/")[0] != name
            for wrong in other.wrongs
        }
        others |= {
            f"{answer.mistake} ({answer.how})": functools.partial(_of_answer, answer)
            for answer in answers
            if answer.exercise == exercise.name and answer.mistake not in (None, name)
        }
        found += [
            f"{exercise.name}: on the case that names {rule.key}, {other} has the same number."
            for other, on in others.items()
            if _agrees(rule, on, asked)
        ]
    return found


def _of_rival(wrong: Any, other: Rival, on: Any, want: Any) -> Any:
    if not callable(wrong):
        if on is not other.on:
            raise LookupError("a number of another case")
        return wrong
    return ask(wrong, on.inputs | {"want": want})


def _of_answer(answer: WrittenAnswer, on: Any, want: Any) -> Any:
    return on.run(Answer(named(answer), 1.0))


def _agrees(rule: Rival, value: Callable[..., Any], asked: Asked) -> bool:
    """Whether `value(on, want)` is one of the rule's wrong ones, on all of its cases."""
    try:
        cases = [(on, asked.want(on)) for on in (rule.on, *rule.also)]
        made = [(value(on, want), on, want) for on, want in cases]
        return any(all(rule.agree(got, wrong, on, want) for got, on, want in made) for wrong in rule.wrongs)
    except (Exception, Mistake):  # this one has no number here
        return False


def refused(exercise: Exercise, answers: list[WrittenAnswer], times: int) -> list[str]:
    """What is said of right answers when the cases drawn at random are asked so many times."""
    check = check_of(exercise)
    assert isinstance(exercise.check, Declared)
    found = []
    for answer in answers:
        if answer.exercise == exercise.name and answer.mistake is None:
            for _ in range(times):
                asked = Asked(Answer(named(answer), PATIENCE), check.reference, exercise.check.texts)
                try:
                    for rule in check.rules:
                        if isinstance(rule, AtRandom):
                            rule(asked)
                except Mistake as mistake:
                    found.append(
                        f"{exercise.name}, right ({answer.how}): rejected as {mistake.name}: {mistake.message}"
                    )
    return found


def lines(lesson: str, root: Path | None = None, times: int = 0) -> list[str]:
    """The table of a lesson: answers accepted and refused, and what is said of each frozen argument.

    times: how often the right answers are asked about the cases drawn at random; what is refused is told.
    """
    answers = answers_of(lesson, root)
    told, total = [], Counter[str]()
    with contextlib.redirect_stdout(io.StringIO()):
        for exercise in exercises_of(lesson):
            mine = [answer for answer in answers if answer.exercise == exercise.name]
            said = Counter("accepted" if exercise.judge(named(one)).status == "solved" else "refused" for one in mine)
            frozen = ", ".join(f"{argument} {found}" for argument, found in frozen_arguments(exercise).items())
            told.append(f"{exercise.name}: {said['accepted']} accepted, {said['refused']} refused; frozen: {frozen}")
            total += said
            told += refused(exercise, answers, times)
    return [*told, f"lesson {lesson}: {total['accepted']} accepted, {total['refused']} refused"]

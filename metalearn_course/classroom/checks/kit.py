"""Declare a check: a reference, cases, and rules in their order; the first broken one names the mistake.

To add an exercise NAME to lesson NN:

1. texts/lesson_NN.toml gets a table `[NAME]` in its place: title, minutes, difficulty, hints, praise (and stretch or
   seconds where needed), and a table `[NAME.mistakes]` with a text for each mistake: `MISTAKE`, or `MISTAKE/WHICH` if
   one has several texts. `also` lists mistakes whose text stands elsewhere: `cuts_gradient`, `breaks_under_vmap`,
   `overwrites`, `ignores_generator`, or one in `[shared]`. A general mistake (see mistakes.py) may have texts as well,
   `wrong_value/WHICH`, where more can be said; it is no misconception and needs no answers.
2. checks/lesson_NN/NAME.py says what is right and in which order mistakes are looked for:

       def NAME(x, y):                              # the reference: the right answer. Where many are right, one of them
           ...

       SIX = Case(x=tensor(...), y=tensor(...))     # inputs in the order of the signature; every call gets fresh copies

       CHECK = Check(
           NAME,
           rival(SIX, "some_mistake", lambda x, y: ...),
           equals(SIX),
           differentiable(SIX, "x"),
           at_random(lambda draw: Case(x=draw.normal(4), y=draw.number(2.0, 3.0))),
       )

   Last come cases that are drawn anew at every check (at_random.py). Over all cases every argument has two values at
   least, and no number names two mistakes: `metalearn dev marks` shows the tables.

3. tests/answers/lesson_NN.py gets right answers and two wrong ones for every mistake; the solution notebook, its cells.

Where a rule takes a function, the function is handed what its parameters name: inputs by name, `got` and `want` (the
answer's result and the reference's), and the results of further cases. A text is a template and may show the same
values, `{got[0]}`, `{got[w1]}`, `{want:.2f}`, `{x.shape}`, those of a dict that the function returned, and the strings
of `[NAME.words]` and `[shared]`, which are templates, too. A brace itself is written twice.

A rule is a function of `Asked`. Where no form below fits, write one: call `asked.got(case)`, `asked.want(case)` or, for
one more call, `asked.call(case)`, and raise `asked.mistaken("some_mistake", name=value)`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from metalearn_course.classroom.answer import Answer
from metalearn_course.classroom.checks.cases import Case, Traced, stacked
from metalearn_course.classroom.exercise import Texts
from metalearn_course.classroom.flow import expect_gradients, expect_under_vmap, gradients_at
from metalearn_course.classroom.mistakes import Mistake
from metalearn_course.classroom.randomness import expect_drawn, seeded
from metalearn_course.classroom.values import expect_close, expect_kind, near, show

Rule = Callable[["Asked"], None]


@dataclass
class Asked:
    """The learner's function, the reference, and the texts of the exercise. What was asked once is not asked again."""

    answer: Answer
    reference: Callable[..., Any]
    texts: Texts
    passed_over: list[Mistake] = field(default_factory=list)  # by `fails`, which had no name for it
    _known: dict[tuple[int, str], tuple[Case, Any]] = field(default_factory=dict)

    def got(self, case: Case, raw: bool = False) -> Any:
        """What the learner's function makes of a case; `raw`: whatever kind of thing it is."""
        self.want(case)  # first: what it imports does not count to the learner's time
        value = self._once(case, "got", lambda: case.run(self.answer))
        return value if raw else self._right_kind(case, value)

    def call(self, case: Case) -> Any:
        """The same, by one more call."""
        return self._right_kind(case, case.run(self.answer))

    def want(self, case: Case) -> Any:
        """What the reference makes of a case. In a scenario it is called as the learner's is, `like` included."""
        return self._once(case, "want", lambda: case.run(Answer(self.reference) if case.scenario else self.reference))

    def _once(self, case: Case, what: str, run: Callable[[], Any]) -> Any:
        if (id(case), what) not in self._known:
            try:
                value = run()
            except Mistake as mistake:
                value = mistake
            self._known[id(case), what] = case, value  # with the case, so that no other one can have its id
        value = self._known[id(case), what][1]
        if isinstance(value, Mistake):
            raise value
        return value

    def _right_kind(self, case: Case, value: Any) -> Any:
        if case.scenario is None:
            expect_kind(value, self.want(case), f"the result of `{self.answer.name}`")
        return value

    def mistaken(self, key: str, /, seen_as: str | None = None, **values: Any) -> Mistake:
        """The mistake of a key of the texts: its name, with "/" and a word where there are several texts for it."""
        return Mistake(key.partition("/")[0], self.filled(self.texts.mistakes[key], values), seen_as)

    def filled(self, template: str, values: Mapping[str, Any]) -> str:
        return template.format_map(_Words(values, self.texts.words))


class _Words(dict[str, Any]):
    """What a template may name: values, shown as a sentence can hold them, and words, filled in themselves."""

    def __init__(self, values: Mapping[str, Any], words: dict[str, str]) -> None:
        super().__init__({name: _Shown(value) for name, value in values.items()})
        self.words = words

    def __missing__(self, name: str) -> str:
        return self.words[name].format_map(self)


class _Shown:
    def __init__(self, value: Any) -> None:
        scalar = isinstance(value, Tensor) and value.ndim == 0
        self.whole = value
        self.value = value.item() if scalar else tuple(value) if isinstance(value, torch.Size) else value

    def __getitem__(self, key: int | str) -> _Shown:
        index: Any = int(key) if isinstance(key, str) and not isinstance(self.value, Mapping) else key
        return _Shown(self.value[index])

    def __getattr__(self, name: str) -> _Shown:
        return _Shown(getattr(self.whole, name))

    def __repr__(self) -> str:
        return repr(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else self.value if isinstance(self.value, str) else show(self.value)


def ask(function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    """Call `function` with those of `values` that its parameters name."""
    names = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in names.values()):
        return function(**values)
    return function(**{name: values[name] for name in names if name in values})


def looks(
    on: Case, key: str, test: Callable[..., Any], raw: bool = False, seen_as: str | None = None, **others: Case
) -> Rule:
    """The mistake is there if `test` says so: it sees `got`, `want`, inputs, and the results of `others` by name.

    It may return a dict, whose values the text can show. raw: look before it is known of which kind the result is;
    seen_as: the general mistake that is then explained.
    """

    def rule(asked: Asked) -> None:
        got = asked.got(on, raw)
        values = on.inputs | {"got": got, "want": asked.want(on)}
        values |= {name: asked.got(case) for name, case in others.items()}
        if found := ask(test, values):
            raise asked.mistaken(key, seen_as, **values | (found if isinstance(found, dict) else {}))

    return rule


def shaped(on: Case, key: str, *shapes: tuple[int, ...]) -> Rule:
    """The result is a tensor of one of these shapes, which are wrong."""
    wrong = {torch.Size(shape) for shape in shapes}
    return looks(on, key, lambda got: isinstance(got, Tensor) and got.shape in wrong, raw=True, seen_as="wrong_shape")


@dataclass(frozen=True)
class Rival:
    """See `rival`; a class, so that an author can ask which numbers name a mistake."""

    on: Case
    key: str
    wrongs: tuple[Any, ...]
    of: Callable[[Any], Any]
    also: tuple[Case, ...]
    tolerance: Mapping[str, float]

    def __call__(self, asked: Asked) -> None:
        if any(all(self.is_it(wrong, asked, case) for case in (self.on, *self.also)) for wrong in self.wrongs):
            raise asked.mistaken(self.key, **self.on.inputs | {"got": asked.got(self.on), "want": asked.want(self.on)})

    def is_it(self, wrong: Any, asked: Asked, case: Case) -> bool:
        """Whether the answer is `wrong` on a case."""
        return self.agree(asked.got(case), wrong, case, asked.want(case))

    def agree(self, got: Any, wrong: Any, case: Case, want: Any) -> bool:
        """Whether a result of `case` is `wrong`."""
        made = ask(wrong, case.inputs | {"want": want}) if callable(wrong) else wrong
        return near(self.of(got), self.of(made), **self.tolerance)


def rival(
    on: Case,
    key: str,
    *wrongs: Any,
    of: Callable[[Any], Any] = lambda v: v,
    also: tuple[Case, ...] = (),
    **tolerance: float,
) -> Rule:
    """The answer is one of `wrongs`, values or functions of inputs and `want`, on a case where all of them are wrong.

    of: what is compared, of the result and of each wrong one. also: further cases on which it has to be the same wrong
    one, so that no mistake is named for one number that agrees by chance; functions then, no values.
    """
    return Rival(on, key, wrongs, of, also, tolerance)


def rivals(on: Case, wrongs: Mapping[str, Any], **options: Any) -> Rule:
    """A `rival` for each key, in this order; a list holds several for one key."""
    rules = [
        rival(on, key, *(wrong if isinstance(wrong, list) else [wrong]), **options) for key, wrong in wrongs.items()
    ]
    return all_of(*rules)


@dataclass(frozen=True)
class AllOf:
    """See `all_of`."""

    rules: tuple[Rule, ...]

    def __call__(self, asked: Asked) -> None:
        for one in self.rules:
            one(asked)


def all_of(*rules: Rule) -> Rule:
    """Rules in a row, as one."""
    return AllOf(rules)


def fails(on: Case, key: str, *kinds: str, match: str = "", unless: Case | None = None) -> Rule:
    """On `on` the answer is reported as one of `kinds` ("raised" by default), in words that `match`.

    unless: the misconception is at fault only if this other case runs. The text may show `{error}`.
    """

    def rule(asked: Asked) -> None:
        try:
            asked.got(on)
        except Mistake as mistake:
            named = mistake.name in (kinds or ("raised",)) and re.search(match, mistake.message)
            if named and (unless is None or _runs(asked, unless)):
                raise asked.mistaken(key, mistake.seen_as, error=mistake.message, **on.inputs) from None
            asked.passed_over.append(mistake)

    return rule


def _runs(asked: Asked, case: Case) -> bool:
    try:
        asked.got(case, raw=True)
    except Mistake:
        return False
    return True


def relates(on: Case, other: Case, key: str, test: Callable[..., bool]) -> Rule:
    """`test` has to hold between the results of two cases, `got` and `then`; the text can show inputs as `{then_x}`."""

    def broken(got: Any, **values: Any) -> dict[str, Any] | None:
        then_inputs = {f"then_{name}": value for name, value in other.inputs.items()}
        return None if ask(test, {"got": got, **values}) else {"got": got, **then_inputs}

    return looks(on, key, broken, then=other)


def same(on: Case, other: Case, key: str, of: Callable[[Any], Any] = lambda v: v, **tolerance: float) -> Rule:
    """The results of two cases have to agree."""
    return relates(on, other, key, lambda got, then: near(of(got), of(then), **tolerance))


def differs(on: Case, other: Case, key: str, of: Callable[[Any], Any] = lambda v: v, **tolerance: float) -> Rule:
    """The results of two cases must not agree."""
    return relates(on, other, key, lambda got, then: not near(of(got), of(then), **tolerance))


def equals(on: Case, what: str = "", key: str = "", of: Callable[[Any], Any] = lambda v: v, **tolerance: float) -> Rule:
    """The reference's value. what: a template that says what was asked; the inputs by default.

    key: the misconception that any other value shows here; without one it is a `wrong_value`.
    """

    def rule(asked: Asked) -> None:
        got, want = asked.got(on), asked.want(on)
        if key and not near(of(got), of(want), **tolerance):
            raise asked.mistaken(key, **on.inputs | {"got": got, "want": want})
        said = what or f"`{asked.reference.__name__}` for " + ", ".join(f"{name} = {{{name}}}" for name in on.inputs)
        expect_close(of(got), of(want), asked.filled(said, on.inputs), **tolerance)

    return rule


def differentiable(on: Case, *names: str, of: Callable[[Any], Any] = lambda v: v, purpose: str = "{purpose}") -> Rule:
    """The gradient at these inputs is the reference's; the word `purpose` says what it is needed for.

    purpose: another word, where several rules need a purpose each.
    """

    def rule(asked: Asked) -> None:
        case = Traced(on, *names)
        expect_gradients(of(asked.got(case)), of(asked.want(case)), case.leaves, asked.filled(purpose, {}))

    return rule


def finite_gradients(on: Case, key: str, *names: str, of: Callable[[Any], Any] = lambda v: v) -> Rule:
    """What gradient arrives at these inputs is finite. The text may say: `{count}` of `{total}` numbers at `{leaf}`."""

    def rule(asked: Asked) -> None:
        case = Traced(on, *names)
        for leaf, gradient in gradients_at(of(asked.got(case)), case.leaves).items():
            if gradient is not None and not gradient.isfinite().all():
                count, total = int((~gradient.isfinite()).sum()), gradient.numel()
                raise asked.mistaken(key, **on.inputs | {"leaf": leaf, "count": count, "total": total})

    return rule


def vmappable(
    *cases: Case,
    over: tuple[str, ...],
    what: str = "a stack of two tasks",
    of: Callable[[Any], Any] = lambda v: v,
    own: bool = False,
) -> Rule:
    """vmap runs the answer for a stack of the cases. Only inputs in `over` differ between them.

    own: where many values are right, what comes out is compared with the answer's own for each case.

    A word `vmap` says what to do where it cannot, if the usual advice does not fit this exercise.
    """

    def rule(asked: Asked) -> None:
        stacks = [stacked([case.fresh()[name] for case in cases]) for name in over]
        want = of(stacked([asked.got(case) if own else asked.want(case) for case in cases]))

        def run(function: Callable[..., Any]) -> Any:
            def one(*parts: Any) -> Any:
                return function(*cases[0].but(**dict(zip(over, parts, strict=True))).inputs.values())

            return of(vmap(one)(*stacks))

        advice = asked.filled("{vmap}", {}) if "vmap" in asked.texts.words else None
        expect_under_vmap(asked.answer, run, want, what, advice)

    return rule


def drawn(on: Case) -> Rule:
    """All that is drawn comes from the input `generator`, and from nothing else."""

    def rule(asked: Asked) -> None:
        expect_drawn(lambda generator: asked.call(on.but(generator=generator)), asked.answer.name)
        one = seeded(0)
        if near(on.run(asked.answer, generator=one), on.run(asked.answer, generator=one)):
            raise Mistake(
                "ignores_generator",
                f"Two calls of `{asked.answer.name}` in a row, with one and the same generator, return the same thing: "
                "it draws from a copy, or from the seed, and every call is the first. Draw from `generator` itself.",
            )

    return rule


class Check:
    """Rules in their order. Called with the learner's function, it raises the first mistake or returns the praise."""

    def __init__(self, reference: Callable[..., Any], *rules: Rule) -> None:
        self.reference, self.rules = reference, rules

    def __call__(self, answer: Answer, texts: Texts) -> str:
        asked = Asked(answer, self.reference, texts)
        for rule in self.rules:
            rule(asked)
        for mistake in asked.passed_over:  # and no later rule met it again
            raise mistake
        return texts.praise

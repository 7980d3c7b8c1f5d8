"""The kit that carries every declared check: fresh inputs, what each rule finds, and what its text shows."""

import pytest
import torch
from torch import nn, tensor

from metalearn_course.classroom.answer import Answer
from metalearn_course.classroom.checks import kit
from metalearn_course.classroom.checks.kit import Case, Check
from metalearn_course.classroom.exercise import Texts
from metalearn_course.classroom.mistakes import Mistake
from metalearn_course.classroom.register import TEXTS, all_exercises
from metalearn_course.tasks.task import Examples

ONE, TWO = Case(x=tensor([1.0, 2.0]), by=3.0), Case(x=tensor([-1.0, 0.5]), by=2.0)
THIRD = ONE.but(x=tensor([1.5, 3.0]), by=2.0)


def times(x, by):
    return by * x


def verdict(function, *rules, reference=times, text="said {got[0]}", words=None):
    """(mistake, text, seen as) of a function under rules; None where it passes."""
    keys = dict.fromkeys(["odd", "odd/too"], text)
    try:
        praise = Check(reference, *rules)(Answer(function), Texts("well done", keys, words or {}))
    except Mistake as mistake:
        return mistake.name, mistake.message, mistake.seen_as
    assert praise == "well done"
    return None


def test_every_call_gets_copies_of_its_own_however_nested():
    generator = torch.Generator().manual_seed(5)
    leaf = torch.ones(2, requires_grad=True)
    module = nn.Linear(1, 1)
    case = Case(batch=Examples(torch.zeros(2), [torch.ones(1)]), params={"w": leaf}, generator=generator, net=module)
    first, second = case.fresh(), case.fresh()
    first["batch"].x.add_(1)
    first["batch"].y[0].add_(1)
    with torch.no_grad():
        first["params"]["w"] += 1
        first["net"].weight += 1
    draws = [torch.rand(3, generator=inputs["generator"]) for inputs in (first, second)]
    assert torch.equal(*draws)
    assert second["batch"].x.tolist() == [0, 0] and second["batch"].y[0].tolist() == [1]
    assert second["params"]["w"].tolist() == [1, 1] and second["params"]["w"].is_leaf
    assert second["params"]["w"].requires_grad and second["params"]["w"] is not leaf
    assert torch.equal(second["net"].weight, module.weight) and second["net"].weight.requires_grad


def test_what_was_asked_once_is_not_asked_again_unless_a_rule_wants_another_call():
    calls = []

    def counting(x, by):
        calls.append(by)
        return by * x

    assert verdict(counting, kit.equals(ONE), kit.same(ONE, ONE, "odd"), kit.equals(ONE), kit.equals(TWO)) is None
    assert calls == [3.0, 2.0]
    assert verdict(counting, kit.equals(ONE), lambda asked: asked.call(ONE)) is None
    assert calls == [3.0, 2.0, 3.0, 3.0]


def test_the_reference_comes_first_so_that_its_imports_do_not_count_to_the_learners_time():
    called = []

    def answer(x, by):
        called.append("answer")
        return by * x

    def reference(x, by):
        called.append("reference")
        return by * x

    assert verdict(answer, kit.equals(ONE), reference=reference) is None
    assert called == ["reference", "answer"]


@pytest.mark.parametrize(
    ("function", "rule", "said"),
    [
        (lambda x, by: x + by, kit.equals(ONE, key="odd"), "said 4"),
        (lambda x, by: x + by, kit.rival(ONE, "odd", lambda x: x + 3), "said 4"),
        (lambda x, by: x + by, kit.rival(ONE, "odd", 7.0, tensor([4.0, 5.0])), "said 4"),
        (lambda x, by: 2 * by * x, kit.rival(ONE, "odd", lambda want: 2 * want), "said 6"),
        (lambda x, by: x - by, kit.rival(ONE, "odd", tensor([2.0, 1.0]), of=torch.abs), "said -2"),
        (lambda x, by: x + by, kit.rivals(ONE, {"odd/too": [1.0, tensor([4.0, 5.0])]}), "said 4"),
        (lambda x, by: x, kit.same(ONE, THIRD, "odd"), "said 1"),
        (lambda x, by: x, kit.same(ONE, TWO, "odd", of=torch.numel), None),
        (lambda x, by: x, kit.differs(ONE, ONE.but(by=2.0), "odd"), "said 1"),
        (lambda x, by: -x, kit.relates(ONE, TWO, "odd", lambda got, then: got[0] > then[0]), "said -1"),
        (lambda x, by: x, kit.looks(ONE, "odd", lambda got, x: torch.equal(got, x)), "said 1"),
        (lambda x, by: -x, kit.looks(ONE, "odd", lambda got, then: got[0] < then[0], then=TWO), "said -1"),
        (lambda x, by: x[0] * torch.ones(3), kit.shaped(ONE, "odd", (3,)), "said 1"),
    ],
)
def test_each_rule_finds_its_mistake_and_lets_the_right_answer_pass(function, rule, said):
    found = verdict(function, rule)
    assert (found and found[:2]) == (said and ("odd", said))
    assert verdict(times, rule) is None


def test_a_number_that_agrees_by_chance_names_no_mistake():
    once = kit.rival(TWO.but(x=tensor([2.0])), "odd", lambda x, by: x + by)
    also = kit.rival(TWO.but(x=tensor([2.0])), "odd", lambda x, by: x + by, also=(TWO,))

    def squared(x, by):
        return x * x

    assert verdict(squared, once)[0] == "odd"
    assert verdict(squared, also) is None
    assert verdict(lambda x, by: x + by, also)[0] == "odd"


def test_where_many_values_are_right_vmap_is_compared_with_the_answers_own():
    rule = kit.vmappable(ONE, TWO.but(by=3.0), over=("x",), own=True)
    assert verdict(lambda x, by: by * x + 1, rule) is None
    assert verdict(lambda x, by: by * x if x.sum() > -9 else x, rule)[0] == "breaks_under_vmap"


def test_a_failure_is_explained_only_where_its_kind_its_words_and_the_other_case_say_so():
    def needs_two(x, by):
        return x[: int(by)] * (1.0 if by == 2 else None)

    def text(**options):
        return verdict(needs_two, kit.fails(ONE, "odd", **options), text="said {error}")

    assert text(match="NoneType", unless=TWO)[::2] == ("odd", "raised")
    assert "raised TypeError" in text()[1]
    assert text(match="dtype")[0] == "raised"
    assert text(unless=ONE.but(by=4.0))[0] == "raised"
    assert verdict(lambda x, by: x[0], kit.fails(ONE, "odd", "wrong_shape"), text="{by}")[1:] == ("3", "wrong_shape")
    assert verdict(lambda x, by: x.fill_(0), kit.fails(ONE, "odd", "changes_inputs"), text="")[2] == "changes_inputs"


def test_gradients_and_vmap_are_asked_for():
    words = {"purpose": "It learns"}
    flow = kit.differentiable(ONE, "x"), kit.vmappable(ONE, TWO.but(by=3.0), over=("x",))
    assert verdict(times, *flow, words=words) is None
    assert verdict(lambda x, by: by * x.detach(), *flow, words=words)[0] == "cuts_gradient"
    own = kit.differentiable(ONE, "x", purpose="{start}, too")
    assert ". The start, too: no" in verdict(lambda x, by: by * x.detach(), own, words={"start": "The start"})[1]
    assert verdict(lambda x, by: by * x if x.sum() > -9 else x, *flow, words=words)[0] == "breaks_under_vmap"

    def weigh(params, by):
        return by * params["w"]

    nested = kit.differentiable(Case(params={"w": tensor([1.0])}, by=2.0), "params")
    assert verdict(weigh, nested, reference=weigh, words=words) is None
    cut = verdict(lambda params, by: by * params["w"].detach(), nested, reference=weigh, words=words)
    assert "`params['w']`" in cut[1] and "It learns" in cut[1]


def test_a_gradient_that_is_not_finite_is_found_where_it_arrives():
    rule = kit.finite_gradients(Case(x=tensor([0.0, 4.0, 9.0])), "odd", "x")

    def root(x):
        return torch.where(x > 0, x.sqrt(), 0.0)

    def careful(x):
        return torch.where(x > 0, x.clamp(min=1e-9).sqrt(), 0.0)

    found = verdict(root, rule, reference=careful, text="{count} of {total} at {leaf}")
    assert found == ("odd", "1 of 3 at x", "odd")
    assert verdict(careful, rule, reference=careful) is None
    assert verdict(lambda x: root(x.detach()), rule, reference=careful) is None


def test_a_scenario_sees_what_a_function_does_to_things():
    def told(function, values):
        seen = []
        function(lambda value: seen.append(value), values)
        return seen

    def tell(hear, values):
        for value in values:
            hear(value)

    case = Case(told, values=[1, 2])
    assert verdict(tell, kit.equals(case), reference=tell) is None
    first = verdict(lambda hear, values: hear(values[0]), kit.rival(case, "odd", [1]), reference=tell)
    assert first[:2] == ("odd", "said 1")


def test_draws_come_from_the_generator():
    def draw(generator):
        return torch.rand(2, generator=generator)

    rule = kit.drawn(Case(generator=torch.Generator().manual_seed(3)))
    assert verdict(draw, rule, reference=draw) is None
    assert verdict(lambda generator: torch.rand(2), rule, reference=draw)[0] == "ignores_generator"

    def rewound(generator):
        return torch.rand(2, generator=torch.Generator().manual_seed(generator.initial_seed()))

    found = verdict(rewound, rule, reference=draw)
    assert found[0] == "ignores_generator" and "one and the same generator" in found[1]


def test_texts_show_values_words_and_what_a_test_returned():
    words = {"told": "{got[w]} at {point.x} ({got[w].shape}, {share.shape}, {share:.2f}), {{kept}}"}
    case = Case(point=Examples(tensor(0.25), "y"))
    rule = kit.looks(case, "odd", lambda got: {"share": tensor(1 / 3)})
    found = verdict(
        lambda point: {"w": tensor([1.0])},
        rule,
        reference=lambda point: {"w": tensor([2.0])},
        text="{told}: {want[w][-1]}, {share}, {point.y!r}",
        words=words,
    )
    assert found[1] == "[1.0] at 0.25 ((1,), (), 0.33), {kept}: 2, 0.3333, 'y'"


def test_an_input_may_be_called_key():
    case = Case(key=tensor([3.0]))
    rule = kit.looks(case, "odd", lambda got, key: got is not None and key.item() == 3.0)
    assert verdict(lambda key: key, rule, reference=lambda key: key + 1, text="{key}")[:2] == ("odd", "[3.0]")


def test_every_text_is_said_by_a_check_of_its_lesson():
    for name, exercise in all_exercises().items():
        folder = TEXTS.parent / "checks" / f"lesson_{exercise.lesson}"
        sources = [path.read_text(encoding="utf-8") for path in (folder / f"{name}.py", *folder.glob("shared.py"))]
        keys = set(exercise.check.texts.mistakes) & set(exercise.mistakes) | {
            key for key in exercise.check.texts.mistakes if "/" in key
        }
        for key in keys:
            assert any(f'"{key}"' in source for source in sources), f"{name}: no rule says {key!r}"

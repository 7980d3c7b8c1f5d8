"""The game's own computations: what is dealt, who is right, and how sure that is."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import binomtest

from metalearn_course import MAML, NearestNeighbor, Prototypical, lake_runs
from metalearn_course.learners import conv4, conv_strided, mlp
from metalearn_course.studies import game
from metalearn_course.tasks import Characters, Episodes, Sinusoids
from metalearn_course.tasks.lake_runs import PEOPLE, PROGRAM
from metalearn_course.tasks.task import one_task


def runes(classes: int = 30) -> Characters:
    images = torch.randint(1, 256, (classes, 5, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    names = [f"Runes/{i}" for i in range(classes)]
    return Characters(images, ["Runes"] * classes, names, {"test": torch.arange(classes)}, "test")


@pytest.fixture(scope="module")
def run() -> game.Deal:
    return game.deal("runs", lake_runs(), 3, {"pixels": NearestNeighbor()})


@pytest.mark.parametrize(("right", "total"), [(0, 20), (1, 20), (19, 20), (20, 20), (37, 60), (1, 1), (380, 400)])
def test_the_interval_is_scipys(right: int, total: int) -> None:
    ours = game.wilson(right, total)
    theirs = binomtest(right, total).proportion_ci(0.95, method="wilson")
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_judging_counts_only_what_was_answered_and_right() -> None:
    assert game.judge([2, 0, 1], [2, 1, 1], 3) == [True, False, True]
    assert game.judge([2, 0, 1], [2], 3) == [True] and game.judge([1], [], 2) == []


@pytest.mark.parametrize("answer", [-1, 3, 1.0, True, None, "1"])
def test_an_answer_that_is_no_label_is_refused_in_a_line(answer: object) -> None:
    with pytest.raises(ValueError, match=r"^Answer 2 is .*; expected a label from 0 to 2\. Choose again\.$"):
        game.judge([2, 0, 1], [0, answer], 3)


def test_more_answers_than_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="3 answers to 2 questions"):
        game.judge([0, 1], [0, 1, 1], 2)


def test_a_run_is_dealt_as_it_is_in_the_paper(run: game.Deal) -> None:
    theirs = one_task(lake_runs().runs, 2)
    assert torch.equal(run.tasks.support.x[0], theirs.support.x) and torch.equal(run.tasks.query.x[0], theirs.query.x)
    assert run.truth == theirs.query.y.tolist() and run.ways == 20 and run.remarks == []


def test_the_methods_answer_as_they_do_by_themselves(run: game.Deal) -> None:
    torch.manual_seed(0)
    method = Prototypical(conv_strided(8, widths=(4, 4, 4), norm="running")).train()
    short = game.deal("short", Episodes(runes(), 5, 1, 2, split="test"), 1, {"a": method})
    alone = [one_task(short.tasks, i) for i in range(20)]
    assert short.answers["a"] == [int(method.fit(task.support)(task.query.x).argmax()) for task in alone]
    assert method.training, "a game leaves the mode as it was"
    distances = torch.cdist(run.tasks.query.x[0].flatten(1), run.tasks.support.x[0].flatten(1))
    assert run.answers["pixels"] == run.tasks.support.y[0][distances.argmin(1)].tolist()


def test_a_short_game_has_twenty_questions_of_its_own() -> None:
    episodes = Episodes(runes(), 5, 1, 2, split="test")
    first, again, second, other = (
        game.deal("short", episodes, number, {}, seed) for number, seed in ((1, 0), (1, 0), (2, 0), (1, 1))
    )
    assert first.tasks.query.y.shape == (20, 1) and len(first.truth) == 20
    assert torch.equal(first.tasks.query.x, again.tasks.query.x)
    assert not torch.equal(first.tasks.query.x, second.tasks.query.x)
    assert not torch.equal(first.tasks.query.x, other.tasks.query.x)


def test_a_method_built_for_five_ways_sits_out_of_twenty() -> None:
    maml = MAML(conv4(5, width=4), lr=0.1)
    run = game.deal("runs", lake_runs(), 1, {"maml": maml, "pixels": NearestNeighbor()})
    assert list(run.answers) == ["pixels"]
    [line] = run.remarks
    assert line.startswith("maml sits out: ") and "5" in line and "\n" not in line
    assert game.deal("short", Episodes(runes(), 5, 1, 1, split="test"), 1, {"maml": maml}).remarks == []


def test_a_method_for_other_inputs_sits_out() -> None:
    run = game.deal("runs", lake_runs(), 1, {"numbers": Prototypical(mlp(3, 2))})
    assert run.answers == {} and run.remarks[0].startswith("numbers sits out: ")


@pytest.mark.parametrize("number", [0, 21])
def test_a_run_that_is_none_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match=f"number={number}"):
        game.deal("runs", lake_runs(), number, {})


def test_the_table_has_the_learner_among_the_methods_and_the_paper(run: game.Deal) -> None:
    answers = [truth if i >= 2 else (truth + 1) % 20 for i, truth in enumerate(run.truth)]
    table = game.rows(run, answers)
    shares = {row["who"]: row["now"]["share"] for row in table}
    pixels = sum(a == b for a, b in zip(run.answers["pixels"], run.truth, strict=True)) / 20
    assert shares == {
        "you": 0.9,
        "pixels": pixels,
        "people (Lake et al., 2015)": 1 - PEOPLE,
        "their program": 1 - PROGRAM,
    }
    assert [row["now"]["share"] for row in table] == sorted(shares.values(), reverse=True)
    assert {row["who"]: row["now"]["words"] for row in table}["their program"] == "96.7 %"
    assert {row["who"]: row["now"]["words"] for row in table}["you"] == "90 % (70 to 97)"


def test_games_add_up_over_those_that_a_method_played(run: game.Deal) -> None:
    before = [{"right": 10, "of": 20, "methods": {"pixels": 3}}, {"right": 20, "of": 20, "methods": {}}]
    rows = {row["who"]: row["all"] for row in game.rows(run, run.truth, before)}
    pixels = sum(a == b for a, b in zip(run.answers["pixels"], run.truth, strict=True))
    assert (rows["you"]["right"], rows["you"]["of"]) == (50, 60)
    assert (rows["pixels"]["right"], rows["pixels"]["of"]) == (3 + pixels, 40)


def test_only_images_of_twenty_classes_at_most_can_be_played() -> None:
    with pytest.raises(ValueError, match="numbers for targets"):
        game.checked_games(Sinusoids(), None)
    with pytest.raises(ValueError, match="25 ways; the game has room for 20"):
        game.checked_games(Episodes(runes(), 25, 1, 1, split="test"), None)
    embedded = runes().embedded(conv_strided(4, widths=(2, 2, 2)))
    with pytest.raises(ValueError, match=r"inputs of shape \(4,\)"):
        game.checked_games(Episodes(embedded, 5, 1, 1, split="test"), None)
    with pytest.raises(TypeError, match="distribution"):
        game.checked_games(3, None)  # type: ignore[arg-type]


def test_opponents_are_meta_learners_with_names_of_their_own() -> None:
    with pytest.raises(TypeError, match="expected a dict"):
        game.checked_opponents([NearestNeighbor()])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"opponents\['net'\] is a Sequential"):
        game.checked_opponents({"net": mlp(2, 2)})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="taken"):
        game.checked_opponents({"you": NearestNeighbor()})

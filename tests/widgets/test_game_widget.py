"""The Python side of the game: a game is played, left, gone on with, judged and kept, and bad input loses nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from metalearn_course import NearestNeighbor, lake_runs, widgets
from metalearn_course.tasks import Characters, Episodes
from metalearn_course.widgets.game import stored_game
from metalearn_course.widgets.kept_games import KeptGames

LIKE = {"name": "short", "protocol": "p", "seed": 0}
PLAY = {"number": 1, "answers": [0], "truth": [0], "seconds": [1.0], "right": 1, "of": 1, "methods": {}}


def episodes() -> Episodes:
    images = torch.randint(1, 256, (8, 5, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    data = Characters(images, ["Runes"] * 8, [f"Runes/{i}" for i in range(8)], {"test": torch.arange(8)}, "test")
    return Episodes(data, 3, 2, 1, split="test")


def new(home: Path, **options: Any) -> widgets.Game:
    return widgets.Game(**{"tasks": episodes(), "opponents": {"pixels": NearestNeighbor()}, "home": home, **options})


def send(widget: widgets.Game, **content: Any) -> None:
    widget._asked(widget, content, None)


def play(widget: widgets.Game, name: str = "short", wrong: int = 0) -> None:
    """A whole game, by messages as the browser sends them; the first `wrong` answers are."""
    send(widget, type="start", name=name)
    ways = widget.deal["ways"]
    for i, label in enumerate(widget._now.truth):
        send(widget, type="answer", question=i, label=(label + (i < wrong)) % ways, seconds=1.0 + i)


def kept(home: Path) -> dict[str, Any]:
    return json.loads((home / "games.json").read_text(encoding="utf-8"))


def row(widget: widgets.Game, who: str) -> dict[str, Any]:
    [found] = [row for row in widget.result["rows"] if row["who"] == who]
    return found


def test_the_usual_games_are_the_runs_first_and_then_short_ones(tmp_path: Path) -> None:
    widget = widgets.Game(home=tmp_path)
    assert [choice["name"] for choice in widget.choices] == ["runs", "short"]
    assert widget.choices[0]["label"] == "play run 1 of Lake et al.'s 20"
    assert widget.choices[1]["protocol"].startswith("5-way 1-shot") and "test split" in widget.choices[1]["protocol"]
    send(widget, type="start", name="runs")
    assert len(widget.deal["questions"]) == len(widget.deal["sheets"][0]) == 20
    assert set(widget.deal["methods"]) == {"pixels", "prototypical", "wide network, nine copies"}
    send(widget, type="start", name="short")
    assert len(widget.deal["questions"]) == len(widget.deal["sheets"]) == 20 and widget.deal["ways"] == 5


def test_nothing_of_what_is_right_is_sent_before_the_end(tmp_path: Path) -> None:
    widget = new(tmp_path)
    send(widget, type="start", name="short")
    truth = widget._now.truth
    for i, label in enumerate(truth[:-1]):
        send(widget, type="answer", question=i, label=label, seconds=1)
        assert "truth" not in widget.deal and widget.result == {} and widget.status == ""
    send(widget, type="answer", question=19, label=truth[-1], seconds=1)
    assert widget.result["truth"] == truth and row(widget, "you")["now"]["right"] == 20


def test_a_finished_game_is_judged_kept_and_added_up(tmp_path: Path) -> None:
    widget = new(tmp_path)
    play(widget, wrong=4)
    assert row(widget, "you")["now"]["right"] == 16 and "16 times of 20, in 10.5 s" in widget.result["told"]
    [game] = kept(tmp_path)["finished"]
    assert game["right"] == 16 and game["of"] == 20 and game["truth"] == widget._now.truth
    pixels = row(widget, "pixels")["now"]["right"]
    assert game["methods"] == {"pixels": pixels}
    later = new(tmp_path)
    assert later.choices[0]["label"] == "play short game 2"
    play(later)
    assert later.result["games"] == 2 and row(later, "you")["all"]["right"] == 36
    assert row(later, "pixels")["all"]["right"] == pixels + row(later, "pixels")["now"]["right"]
    assert [game["number"] for game in kept(tmp_path)["finished"]] == [1, 2]


def test_a_game_left_in_the_middle_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first = new(tmp_path)
    send(first, type="start", name="short")
    truth = first._now.truth
    for i in range(7):
        send(first, type="answer", question=i, label=truth[i], seconds=1)
    later = new(tmp_path)  # the kernel was restarted
    assert later.choices[0]["label"] == "go on with short game 1"
    send(later, type="start", name="short")
    assert later.deal["answered"] == 7 and later._now.truth == truth and "question 8" in later.status
    send(later, type="stop")
    assert later.deal == {} and later.choices[0]["label"] == "go on with short game 1"
    send(later, type="start", name="short")
    for i in range(7, 20):
        send(later, type="answer", question=i, label=truth[i], seconds=1)
    assert row(later, "you")["now"]["right"] == 20
    assert kept(tmp_path)["unfinished"] == {} and len(kept(tmp_path)["finished"]) == 1


def test_an_earlier_answer_can_be_changed(tmp_path: Path) -> None:
    widget = new(tmp_path)
    send(widget, type="start", name="short")
    truth = widget._now.truth
    send(widget, type="answer", question=0, label=(truth[0] + 1) % 3, seconds=1)
    send(widget, type="answer", question=1, label=truth[1], seconds=1)
    send(widget, type="answer", question=0, label=truth[0], seconds=1)
    for i in range(2, 20):
        send(widget, type="answer", question=i, label=truth[i], seconds=1)
    assert row(widget, "you")["now"]["right"] == 20


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"question": 1, "label": 3, "seconds": 1}, "Answer 2 is 3; expected a label from 0 to 2"),
        ({"question": 1, "label": -1, "seconds": 1}, "Answer 2 is -1"),
        ({"question": 1, "label": None, "seconds": 1}, "Answer 2 is None"),
        ({"question": 2, "label": 0, "seconds": 1}, "Question 2 is not open; the next one is 1"),
        ({"question": -1, "label": 0, "seconds": 1}, "Question -1 is not open"),
        ({"question": 1, "label": 0, "seconds": "x"}, "could not convert"),
    ],
)
def test_a_bad_answer_is_a_line_and_nothing_is_lost(tmp_path: Path, content: dict[str, Any], line: str) -> None:
    widget = new(tmp_path)
    send(widget, type="start", name="short")
    send(widget, type="answer", question=0, label=1, seconds=1)
    before = kept(tmp_path)
    send(widget, type="answer", **content)
    assert widget.status.startswith(line) and "\n" not in widget.status
    assert widget._answers == [1] and len(widget._seconds) == 1 and kept(tmp_path) == before


def test_an_answer_without_a_game_and_a_game_of_another_name_are_lines(tmp_path: Path) -> None:
    widget = new(tmp_path)
    send(widget, type="answer", question=0, label=0, seconds=1)
    assert widget.status == "No game is going on. Start one."
    send(widget, type="start", name="chess")
    assert widget.status == "name='chess' is no game here; choose one of 'short'."


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"version": 2, "finished": [], "unfinished": {}}',
        b'{"version": 1, "finished": [{"name": "short"}], "unfinished": {}}',
        json.dumps({"version": 1, "finished": [{**LIKE, **PLAY, "methods": {"a": "3"}}], "unfinished": {}}).encode(),
        json.dumps({"version": 1, "finished": [{**LIKE, **PLAY, "answers": ["0"]}], "unfinished": {}}).encode(),
    ],
)
def test_a_damaged_file_is_put_aside_and_play_goes_on(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "games.json").write_bytes(content)
    widget = new(tmp_path)
    assert "is kept as games.unreadable.json" in widget.status and "\n" not in widget.status
    assert (tmp_path / "games.unreadable.json").read_bytes() == content
    play(widget)
    assert len(kept(tmp_path)["finished"]) == 1


def test_what_was_left_of_another_game_does_not_stop_the_game(tmp_path: Path) -> None:
    store = KeptGames(tmp_path)
    like = {"name": "short", "protocol": episodes().protocol, "seed": 0}
    store.leave(like, 1, [0, 9], [1.0, 1.0])
    widget = new(tmp_path)
    send(widget, type="start", name="short")
    assert widget.deal["answered"] == 0 and "begins anew" in widget.status


def test_games_that_cannot_be_saved_are_told_and_stay_until_they_can_be(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way", encoding="utf-8")
    widget = new(tmp_path / "home")
    play(widget, wrong=1)
    assert "cannot be written" in widget.status and row(widget, "you")["now"]["right"] == 19
    assert widget.choices[0]["label"] == "play short game 2"
    (tmp_path / "home").unlink()
    play(widget)
    assert row(widget, "you")["all"]["right"] == 39
    assert [game["right"] for game in kept(tmp_path / "home")["finished"]] == [19, 20]


def test_two_kernels_do_not_lose_each_others_games(tmp_path: Path) -> None:
    one, other = KeptGames(tmp_path), KeptGames(tmp_path)
    one.finish(LIKE, PLAY)
    other.finish(LIKE, {**PLAY, "number": 2})
    assert [game["number"] for game in KeptGames(tmp_path).finished(LIKE)] == [1, 2]
    assert KeptGames(tmp_path).finished({**LIKE, "seed": 1}) == []


def test_a_run_played_again_is_not_counted_again(tmp_path: Path) -> None:
    store = KeptGames(tmp_path)
    like = {"name": "runs", "protocol": lake_runs().protocol, "seed": 0}
    for number in range(1, 21):
        store.finish(like, {**PLAY, "number": number, "right": 10, "of": 20})
    widget = new(tmp_path, tasks=lake_runs())
    assert widget.choices[0]["label"].startswith("play run 1 of")
    play(widget, "runs")
    assert "only the first time counts" in widget.result["told"]
    assert row(widget, "you")["all"]["of"] == 20, "the sum holds this game alone"
    assert sum(game["right"] for game in KeptGames(tmp_path).finished(like)) == 200


def test_opponents_that_cannot_play_sit_out_with_a_line(tmp_path: Path) -> None:
    from metalearn_course import MAML, conv4

    widget = new(tmp_path, tasks=lake_runs(), opponents={"maml": MAML(conv4(5, width=4), lr=0.1)})
    send(widget, type="start", name="runs")
    assert widget.status.startswith("maml sits out: ") and widget.deal["methods"] == {}
    with pytest.raises(ValueError, match=r"seed=1\.5; expected"):
        new(tmp_path, seed=1.5)


def test_the_picture_is_the_stored_game_and_then_ones_own(tmp_path: Path) -> None:
    widget = new(tmp_path)
    stored = stored_game()
    wrong = sum(a != b for a, b in zip(stored.answers["wide network, nine copies"], stored.truth, strict=True))
    alt = widget.picture().alt
    assert (
        alt.startswith("A game to replay: Run 20 of Lake et al., 20 drawings") and alt.count(", and the wide") == wrong
    )
    assert f"the wide network, nine copies: {100 - 5 * wrong} % (" in alt
    play(widget, wrong=1)
    assert "played by you" in widget.picture().alt and "you: 95 % (76 to 99)" in widget.picture().alt


def test_the_stored_game_is_sent_whole(tmp_path: Path) -> None:
    stored = new(tmp_path).stored
    assert len(stored["questions"]) == len(stored["truth"]) == len(stored["answers"]) == 20
    assert len(json.dumps(stored)) < 60_000

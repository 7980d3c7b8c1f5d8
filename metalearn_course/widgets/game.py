"""Lessons 03, 04 and 11: the learner is the few-shot learner, and plays against the methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import traitlets

from .._common.arguments import whole
from ..figures import Picture
from ..figures.game import game_film
from ..meta_learners import MetaLearner
from ..studies.game import (
    Deal,
    check_answer,
    checked_games,
    checked_opponents,
    deal,
    judge,
    rows,
    usual_characters,
    usual_opponents,
)
from ..tasks import Characters, lake_runs
from ..tasks.lake_runs import LakeRuns
from ..tasks.task import TaskDistribution, one_task
from .kept_games import KeptGames
from .touchable import Touchable, data_uri, script

_STORED_RUN = 20  # the last that a learner comes to
_PLAYER = "wide network, nine copies"  # who plays the stored game
_MOST_SECONDS = 24 * 3600.0


class Game(Touchable):
    """Twenty drawings, each to be matched with one of a few examples: the learner plays against the methods.

    First come Lake et al.'s twenty runs (2015), each 20-way 1-shot within an alphabet, on which people err 4.5 % of the
    time. Then short games of twenty episodes: five ways, one shot, alphabets that no shipped network has met. Nothing
    is told until a game ends. Then the learner's accuracy stands in a row with that of the methods on the same
    questions, each with its 95 % interval (Wilson, 1927). How long answers took is shown and not scored. Games are kept
    in the learner's folder, in games.json; one that was left in the middle goes on where it stopped.

    Args:
        tasks: `lake_runs()`, or another distribution of labeled images with at most 20 ways, of whose episodes the
            first query is asked; None for Lake et al.'s runs and the short games.
        opponents: a name -> the meta-learner; None for pixels, the shipped prototypical network and the wide one. What
            cannot answer the episodes sits out, with a line that says why.
        characters: where the short games and the shipped network come from; Omniglot or glyphs by default.
        home: the learner's folder; METALEARN_HOME, or my_exercises/, by default. Nothing of it leaves the machine.
        seed: decides which episodes the short games have.

    Raises:
        TypeError: for tasks or opponents of another kind.
        ValueError: for tasks of other inputs than images, or of more than 20 ways.
    """

    _esm = script("game.js")

    choices: traitlets.List[Any] = traitlets.List().tag(sync=True)
    deal = traitlets.Dict().tag(sync=True)
    result = traitlets.Dict().tag(sync=True)
    stored = traitlets.Dict().tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        tasks: TaskDistribution | None = None,
        opponents: Mapping[str, MetaLearner] | None = None,
        characters: Characters | None = None,
        home: str | Path | None = None,
        seed: int = 0,
    ) -> None:
        data = characters or (usual_characters() if tasks is None or opponents is None else None)
        self._games = checked_games(tasks, data)
        self._opponents = usual_opponents(data) if opponents is None and data else checked_opponents(opponents or {})
        self._seed = whole("seed", seed, -(2**63))
        self._kept = KeptGames(home)
        self._now: Deal | None = None
        self._turn = 0  # so that a game that is dealt again is seen to be a new one
        self._answers: list[int] = []
        self._seconds: list[float] = []
        super().__init__()
        self.stored = self._replay(stored_game(), stored_game().answers[_PLAYER], f"the {_PLAYER}")
        self._offer(self._kept.trouble)
        self.on_msg(self._asked)

    def picture(self) -> Picture:
        """The learner's last finished game as a film; until there is one, the stored game of a method."""
        if self.result and self._now is not None:
            return game_film(self._now, self._answers, "you")
        return game_film(stored_game(), stored_game().answers[_PLAYER], f"the {_PLAYER}")

    def start(self, name: str) -> None:
        """Deal the next game of a kind, or go on with the one that was left in the middle.

        Args:
            name: "runs" or "short", of those on offer.

        Raises:
            ValueError: for another name.
        """
        if name not in self._games:
            raise ValueError(f"name={name!r} is no game here; choose one of {', '.join(map(repr, self._games))}.")
        number, left = self._next(name)
        self._now = deal(name, self._games[name], number, self._opponents, self._seed)
        self._answers, self._seconds = [], []
        said = ""
        if left is not None:
            try:
                judge(self._now.truth[:-1], left["answers"], self._now.ways)
                self._answers, self._seconds = list(left["answers"]), list(left["seconds"])
                said = f"You go on at question {len(self._answers) + 1}."
            except ValueError:
                said = "What was kept of this game does not fit it; the game begins anew."
        self._turn += 1
        with self.hold_sync():
            self.result = {}
            self.deal = self._sent(self._now) | {"answered": len(self._answers), "turn": self._turn}
        self.status = " ".join([*self._now.remarks, said]).strip()

    def answer(self, question: int, label: int, seconds: float) -> None:
        """Take an answer, to the next question or, changed, to an earlier one; after the last the game is judged.

        Args:
            question: its number, from 0.
            label: the example that was chosen, from 0.
            seconds: that it took.

        Raises:
            RuntimeError: if no game is going on.
            ValueError: for a question that is not open, and a label that is none.
        """
        if self._now is None or self.result:
            raise RuntimeError("No game is going on. Start one.")
        if type(question) is not int or not 0 <= question <= len(self._answers):
            raise ValueError(f"Question {question!r} is not open; the next one is {len(self._answers)}. Answer that.")
        check_answer(label, self._now.ways, question)
        took = min(max(float(seconds), 0.0), _MOST_SECONDS)
        self._answers[question : question + 1] = [label]
        self._seconds[question : question + 1] = [round(took, 2)]
        if len(self._answers) < len(self._now.truth):
            self._kept.leave(self._like(self._now.name), self._now.number, self._answers, self._seconds)
            self.status = self._kept.trouble
        else:
            self._finish(self._now)

    def stop(self) -> None:
        """Leave the game in the middle; it can be gone on with."""
        self._now = None
        self.deal, self.result = {}, {}
        self._offer(self._kept.trouble)

    def _finish(self, game: Deal) -> None:
        like = self._like(game.name)
        before = [play for play in self._kept.finished(like) if play["number"] != game.number]
        again = len(before) < len(self._kept.finished(like))
        right = judge(game.truth, self._answers, game.ways)
        methods = {who: sum(judge(game.truth, theirs, game.ways)) for who, theirs in game.answers.items()}
        play = {"number": game.number, "answers": self._answers, "seconds": self._seconds, "truth": game.truth}
        self._kept.finish(like, {**play, "right": sum(right), "of": len(right), "methods": methods})
        told = (
            f"You were right {sum(right)} times of {len(right)}, in {median(self._seconds):.1f} s an answer (median)."
        )
        if again:
            told += " You had played this run before; only the first time counts in the sums."
        table = rows(game, self._answers, [] if again else before)
        self.result = self._replay(game, self._answers, "you") | {"rows": table, "told": told, "games": len(before) + 1}
        self._offer(" ".join([*game.remarks, self._kept.trouble]).strip())

    def _like(self, name: str) -> dict[str, Any]:
        """What games have in common that are added up."""
        seed = 0 if isinstance(self._games[name], LakeRuns) else self._seed
        return {"name": name, "protocol": self._games[name].protocol, "seed": seed}

    def _next(self, name: str) -> tuple[int, dict[str, Any] | None]:
        """The number of the next game of a kind, and what was left of it."""
        games, like = self._games[name], self._like(name)
        most = len(games) if isinstance(games, LakeRuns) else 2**31
        left = self._kept.unfinished(like)
        if left is not None and 1 <= left["number"] <= most:
            return left["number"], left
        played = {play["number"] for play in self._kept.finished(like)}
        return next((n for n in range(1, min(most, len(played) + 1) + 1) if n not in played), 1), None

    def _offer(self, status: str) -> None:
        choices = []
        for name, games in self._games.items():
            number, left = self._next(name)
            if isinstance(games, LakeRuns):
                label = f"run {number} of Lake et al.'s {len(games)}"
            else:
                label = f"short game {number}"
            label = f"go on with {label}" if left is not None else f"play {label}"
            choices.append({"name": name, "label": label, "protocol": games.protocol})
        self.choices, self.status = choices, status

    def _sent(self, game: Deal) -> dict[str, Any]:
        """What the browser shows of a game, and the answers of the methods; not what is right."""
        title = f"Run {game.number}" if game.name == "runs" else f"Short game {game.number}"
        stacks = [one_task(game.tasks, i) for i in range(len(game.tasks.classes))]
        sheets = [[data_uri(x) for x in task.support.x[task.support.y.argsort(stable=True)]] for task in stacks]
        questions = [{"sheet": sheet, "src": data_uri(x)} for sheet, task in enumerate(stacks) for x in task.query.x]
        shots = len(sheets[0]) // game.ways
        return {
            **{"title": title, "protocol": game.protocol, "ways": game.ways, "shots": shots},
            **{"sheets": sheets, "questions": questions, "methods": game.answers},
        }

    def _replay(self, game: Deal, answers: Sequence[int], player: str) -> dict[str, Any]:
        return {**self._sent(game), "truth": game.truth, "player": player, "answers": list(answers)}

    def _asked(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        try:
            if content["type"] == "start":
                self.start(content["name"])
            elif content["type"] == "answer":
                self.answer(content["question"], content["label"], content["seconds"])
            elif content["type"] == "stop":
                self.stop()
        except (ValueError, RuntimeError, TypeError, KeyError) as error:
            self.status = str(error)


@cache
def stored_game() -> Deal:
    """The last of Lake et al.'s runs, which the wide network plays for those who have no kernel."""
    return deal("runs", lake_runs(), _STORED_RUN, usual_opponents(usual_characters()))


__all__ = ["Game"]

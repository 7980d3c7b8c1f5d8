"""The learner's games: games.json in the learner's folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .._common.environment import home as home_folder
from .._common.files import cannot_write, locked, put_aside, write_aside

VERSION = 1
Change = Callable[[dict[str, Any]], object]
_FINISHED: dict[str, type] = {
    **{"name": str, "protocol": str, "seed": int, "number": int, "right": int, "of": int},
    **{"answers": list, "truth": list, "seconds": list, "methods": dict},
}
_UNFINISHED: dict[str, type] = {"number": int, "answers": list, "seconds": list}


class KeptGames:
    """What was played, as the file says, and what could not be written to it.

    Args:
        home: the learner's folder; METALEARN_HOME, or my_exercises/, by default.
    """

    def __init__(self, home: str | Path | None = None) -> None:
        self.path = (home_folder() if home is None else Path(home).expanduser()) / "games.json"
        self.trouble = ""  # a line about the last reading or writing that went wrong
        self.known: dict[str, Any] = _nothing()
        self._waiting: list[Change] = []  # changes that could not be written
        if self.path.exists():
            self._change(lambda known: None)

    def finished(self, like: dict[str, Any]) -> list[dict[str, Any]]:
        """Games of this name, protocol and seed, one of each number: the first that was played."""
        first: dict[int, dict[str, Any]] = {}
        for play in self.known["finished"]:
            if all(play[key] == value for key, value in like.items()):
                first.setdefault(play["number"], play)
        return list(first.values())

    def unfinished(self, like: dict[str, Any]) -> dict[str, Any] | None:
        """The game of this name, protocol and seed that was left in the middle."""
        return self.known["unfinished"].get(_key(like))

    def leave(self, like: dict[str, Any], number: int, answers: list[int], seconds: list[float]) -> None:
        """Keep the answers so far, to go on with."""
        entry = {"number": number, "answers": list(answers), "seconds": list(seconds)}
        self._change(lambda known: known["unfinished"].update({_key(like): entry}))

    def finish(self, like: dict[str, Any], play: dict[str, Any]) -> None:
        """Keep a finished game, and forget that it was unfinished."""

        def change(known: dict[str, Any]) -> None:
            known["unfinished"].pop(_key(like), None)
            known["finished"].append({**like, **play})

        self._change(change)

    def _change(self, change: Change) -> None:
        """Apply a change to the file as it is now on the disk, after those that could not be written."""
        self.trouble, changes = "", [*self._waiting, change]
        try:
            with locked(self.path):
                known = self._read_or_put_aside()
                before = json.dumps(known)
                for each in changes:
                    each(known)
                if json.dumps(known) != before:
                    content = json.dumps({"version": VERSION, **known}, indent=1, sort_keys=True) + "\n"
                    write_aside(self.path, content.encode("utf-8"))
            self.known, self._waiting = known, []
        except OSError as error:
            change(self.known)
            self._waiting = changes
            otherwise = "set METALEARN_HOME to a folder that can be, the games stay here as long as the kernel runs"
            self.trouble = cannot_write(self.path, error, otherwise)

    def _read_or_put_aside(self) -> dict[str, Any]:
        if not self.path.exists():
            return _nothing()
        try:
            return _checked(json.loads(self.path.read_text(encoding="utf-8-sig")))
        except ValueError as error:
            aside = put_aside(self.path, "unreadable")
            why = str(error).splitlines()[0]
            self.trouble = f"{self.path.name} could not be read ({why}) and is kept as {aside.name}; games start anew."
            return _nothing()


def _checked(file: Any) -> dict[str, Any]:
    """What a file holds; ValueError where it is not of this form."""
    if not isinstance(file, dict):
        raise ValueError("it is no record of games")
    if file.get("version") != VERSION:
        raise ValueError(f"version {file.get('version')!r}, this course reads version {VERSION}")
    finished, unfinished = file.get("finished"), file.get("unfinished")
    if not isinstance(finished, list) or not isinstance(unfinished, dict):
        raise ValueError("no lists of games")
    for play, kinds in [(p, _FINISHED) for p in finished] + [(p, _UNFINISHED) for p in unfinished.values()]:
        if not isinstance(play, dict) or not all(isinstance(play.get(key), kind) for key, kind in kinds.items()):
            raise ValueError("a game in it is not whole")
        if not all(type(answer) is int for answer in play["answers"]):
            raise ValueError("an answer in it is no number")
        if not all(type(count) is int for count in play.get("methods", {}).values()):
            raise ValueError("a count in it is no number")
    return {"finished": finished, "unfinished": unfinished}


def _nothing() -> dict[str, Any]:
    return {"finished": [], "unfinished": {}}


def _key(like: dict[str, Any]) -> str:
    return "; ".join(str(value) for value in like.values())


__all__ = ["KeptGames"]

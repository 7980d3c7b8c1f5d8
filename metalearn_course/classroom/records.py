"""What a learner has done: progress.json in the learner's folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from metalearn_course._common.console import say
from metalearn_course._common.environment import home
from metalearn_course._common.files import locked, put_aside, write_aside

_warned = False


def path() -> Path:
    """Where the file is; it need not exist yet."""
    return home() / "progress.json"


def load() -> dict[str, dict[str, Any]]:
    """The record of every exercise tried, by name. A file that cannot be read is kept aside, never overwritten."""
    try:
        return _read()
    except OSError:
        return {}
    except ValueError:
        pass
    try:
        with locked(path()):
            return _read_or_put_aside()
    except OSError:
        return {}


def update(name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change one exercise's record and save all; a folder that cannot be written is mentioned once.

    `change` is given the record as it is on the disk and returns what to change in it. Nobody else writes meanwhile:
    two kernels can be at work.
    """
    try:
        with locked(path()):
            known = _read_or_put_aside()
            record = known.get(name, {})
            known[name] = record | change(record)
            content = json.dumps({"version": 1, "exercises": known}, indent=1, sort_keys=True) + "\n"
            write_aside(path(), content.encode("utf-8"))
    except OSError as error:
        global _warned
        if not _warned:
            folder = path().parent
            say(f"Progress cannot be saved in {folder} ({error.strerror}): set METALEARN_HOME to a folder that can.")
        _warned = True


def _read() -> dict[str, dict[str, Any]]:
    """What the file says, with or without a byte order mark; ValueError where it is no progress."""
    try:
        file = json.loads(path().read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    known = file.get("exercises") if isinstance(file, dict) else None
    if not isinstance(known, dict):
        raise ValueError('no "exercises"')
    return {name: _fitting(entry) for name, entry in known.items() if isinstance(entry, dict)}


def _fitting(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry without values that cannot be: a number of hints in words, say."""
    kinds = {"hints": int, "solved": bool, "status": str, "lesson": str}
    return {key: value for key, value in entry.items() if isinstance(value, kinds.get(key, object))}


def _read_or_put_aside() -> dict[str, dict[str, Any]]:
    try:
        return _read()
    except ValueError:
        aside = put_aside(path(), "unreadable")
        say(f"{path().name} could not be read and is kept as {aside.name}; progress starts anew.")
        return {}

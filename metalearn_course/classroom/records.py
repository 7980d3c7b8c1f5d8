"""What a learner has done: progress.json in the learner's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from metalearn_course._common.console import say
from metalearn_course._common.environment import home
from metalearn_course._common.files import write_aside

_warned = False


def path() -> Path:
    """Where the file is; it need not exist yet."""
    return home() / "progress.json"


def load() -> dict[str, dict[str, Any]]:
    """The record of every exercise tried, by name. A file that cannot be read is kept aside, never overwritten."""
    try:
        known = json.loads(path().read_text(encoding="utf-8"))["exercises"]
        return {name: entry for name, entry in known.items() if isinstance(entry, dict)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        aside = path().with_suffix(".unreadable.json")
        try:
            path().replace(aside)
        except OSError:
            return {}
        say(f"{path().name} could not be read and is kept as {aside.name}; progress starts anew.")
        return {}


def update(name: str, **changes: Any) -> dict[str, Any]:
    """Change one exercise's record and save all; a folder that cannot be written is mentioned once."""
    known = load()
    known[name] = known.get(name, {}) | changes
    try:
        content = json.dumps({"version": 1, "exercises": known}, indent=1, sort_keys=True) + "\n"
        write_aside(path(), content.encode("utf-8"))
    except OSError as error:
        global _warned
        if not _warned:
            folder = path().parent
            say(f"Progress cannot be saved in {folder} ({error.strerror}): set METALEARN_HOME to a folder that can.")
        _warned = True
    return known[name]

"""What a learner has done: progress.json in the learner's folder."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from metalearn_course._common.console import say
from metalearn_course._common.environment import home

_warned = False


def path() -> Path:
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
        write_atomically(path(), json.dumps({"version": 1, "exercises": known}, indent=1, sort_keys=True) + "\n")
    except OSError as error:
        global _warned
        if not _warned:
            folder = path().parent
            say(f"Progress cannot be saved in {folder} ({error.strerror}): set METALEARN_HOME to a folder that can.")
        _warned = True
    return known[name]


def write_atomically(target: Path, text: str) -> None:
    """Write aside and rename, so that no reader ever sees half a file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f"{target.name}.{os.getpid()}.part")
    aside.write_text(text, encoding="utf-8", newline="\n")
    for attempt in range(5):
        try:
            aside.replace(target)
            return
        except PermissionError:  # Windows, while another kernel reads it
            if attempt == 4:
                aside.unlink()
                raise
            time.sleep(0.05)

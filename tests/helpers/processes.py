"""What code does in a Python of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any


def fresh(code: str, *arguments: str, seconds: float = 120, environment: Mapping[str, str] | None = None) -> str:
    """What `code` prints in a fresh interpreter; fails, with what it said, where that ends with an error.

    environment: in place of this process's own.
    """
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=seconds, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fresh_json(code: str, *arguments: str, seconds: float = 120, environment: Mapping[str, str] | None = None) -> Any:
    """The same, read as JSON."""
    return json.loads(fresh(code, *arguments, seconds=seconds, environment=environment))

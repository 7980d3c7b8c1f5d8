"""What code does in a Python of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def fresh(code: str, *arguments: str, seconds: float = 120) -> str:
    """What `code` prints in a fresh interpreter; fails, with what it said, where that ends with an error."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, encoding="utf-8", timeout=seconds
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fresh_json(code: str, *arguments: str, seconds: float = 120) -> Any:
    """The same, read as JSON."""
    return json.loads(fresh(code, *arguments, seconds=seconds))

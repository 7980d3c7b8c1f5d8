"""What the commands under benchmarks/ measured, for lessons to show."""

from __future__ import annotations

import json
from typing import Any

from metalearn_course._common.environment import CourseError, repository


def results(name: str) -> dict[str, Any]:
    """The numbers of `benchmarks/results/NAME.json` in the clone: "rows", and the "machine" they were measured on."""
    folder = repository() / "benchmarks" / "results"
    known = {path.stem: path for path in sorted(folder.glob("*.json"))}
    if name not in known:
        raise CourseError(f"No results are called {name!r}; benchmarks/results/ has {', '.join(known) or 'none'}.")
    return json.loads(known[name].read_text(encoding="utf-8"))

"""What a lesson's exercises need: `check`, `hint`, `solved_or_skip`, `progress`, `doctor`.

Names load on first use, so that the command line can reach the light parts of this package without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULE_OF = {
    "check": "metalearn_course.classroom.desk",
    "hint": "metalearn_course.classroom.desk",
    "progress": "metalearn_course.classroom.desk",
    "solved_or_skip": "metalearn_course.classroom.desk",
    "doctor": "metalearn_course.classroom.machine",
}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

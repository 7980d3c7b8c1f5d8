"""What can be touched: thin widgets over tested pure functions. Each shows its picture where no kernel runs.

Names load on first use (PEP 562): the core never waits for anywidget.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULE_OF = {
    "Cliffs": "cliffs",
    "Clusters": "clusters",
    "Diversity": "diversity",
    "DrawSymbols": "draw_symbols",
    "EpisodeCard": "episode",
    "Game": "game",
    "Landscapes": "landscapes",
    "Memory": "memory",
    "MetaTraining": "meta_training",
    "Steps": "steps",
    "Touchable": "touchable",
    "TrainingCycle": "training",
    "TwoStarts": "waves",
}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

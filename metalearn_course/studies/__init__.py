"""The numbers behind a picture: pure functions over the core, and no drawing.

What lesson 10 calls has its name here and loads on first use (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "bandits": ["UCB", "BayesOptimal", "bayes_greedy", "beliefs", "pulls_of", "thompson", "tuned_ucb", "uniform"],
    "task_diversity": ["ByHeart", "Diversity", "Ridge", "diversity", "diversity_frames"],
    "questions": ["Median", "anywhere", "bisection", "evenly", "left"],
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

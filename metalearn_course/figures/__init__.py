"""Every plot and diagram of the course, a function each. A figure is a `Picture`: a PNG and the words for it.

Names load on first use (PEP 562): the core never waits for matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "picture": ["Picture"],
    "images": ["alphabets", "image_grid", "symbol_sheet"],
    "course_map": ["method_map"],
    "cycle": ["training_cycle"],
    "lines": ["comparison", "curves"],
    "dots": ["by_kind"],
    "task_diversity": ["diversity"],
    "bandit": ["bandit_play"],
    "waves": ["two_starts", "wave_bundle", "wave_fit"],
    "episodes": ["episode_card"],
    "tables": [
        "Table",
        "dependency_table",
        "leads_table",
        "losses_table",
        "mean_and_range",
        "method_table",
        "over_trainings",
        "results_table",
    ],
    "method_tables": ["accuracy_table", "cost_table"],
    "memory_tables": ["memory_by_hand", "reads_table", "traced_label"],
    "shades": ["matrix"],
    "plane": ["clusters"],
    "slots": ["memory"],
    "cliff": ["cliffs"],
    ".studies.cliffs": ["cliff_curves", "gradient_arrows"],
    ".studies.responses": ["update_responses"],
    ".studies.leads": ["leads"],
    ".studies.elsewhere": ["by_command", "final_losses", "over_best"],
    "stepping": ["steps"],
    "ratios": ["generalization"],
    "landscape": ["landscapes"],
    ".studies.landscapes": ["landscape_frames", "three_bowls"],
    ".studies.clusters": ["cluster_frames"],
    ".studies.memories": ["memory_frames", "read_shares"],
    ".studies.traced_label": ["trace_label"],
    ".studies.trainings": ["training_frames"],
    ".studies.starts": ["two_starts_frames"],
    ".studies.meta_training": ["meta_training_frames"],
    "meta_picture.picture": ["meta_training", "meta_training_film"],
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

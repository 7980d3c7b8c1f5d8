"""Where benchmarks leave their numbers: one JSON file each under benchmarks/results/."""

from __future__ import annotations

import json
import platform
from typing import Any

import torch

from metalearn_course._common.environment import repository


def save(name: str, rows: dict[str, Any] | list[dict[str, Any]]) -> None:
    """Write `rows` beside the kind of machine that they were measured on."""
    folder = repository() / "benchmarks" / "results"
    folder.mkdir(exist_ok=True)
    machine = {
        "torch": torch.__version__.split("+")[0],
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }
    text = json.dumps({"machine": machine, "rows": rows}, indent=2, sort_keys=True)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8", newline="\n")

"""Run a lesson with zero training steps: what still holds then was never a claim about learning."""

from __future__ import annotations

import ast
import copy
from pathlib import Path
from typing import NamedTuple

from metalearn_course.classroom import notebooks
from metalearn_course.classroom.notebooks import Notebook, source, tags
from metalearn_course.classroom.running import under_nbclient

TRAINING = "training"


class Ablation(NamedTuple):
    """The names of a lesson's learned claims that failed without training, as they must, and of those that held."""

    failed: list[str]
    held: list[str]
    errors: list[str]


def ablate(path: Path) -> Ablation:
    run = under_nbclient(path, untrained(notebooks.read(path)), METALEARN_ABLATE="1")
    learned = [line for line in run.claims if line["learned"]]
    held = [line["claim"] for line in learned if line["holds"]]
    return Ablation([line["claim"] for line in learned if not line["holds"]], held, run.errors)


def untrained(notebook: Notebook) -> Notebook:
    """The notebook with every `for ... in range(...)` of a cell tagged `training` running zero times."""
    new = copy.deepcopy(notebook)
    for cell in new["cells"]:
        if cell["cell_type"] == "code" and TRAINING in tags(cell):
            cell["source"] = without_steps(source(cell))
    return new


def without_steps(code: str) -> str:
    return ast.unparse(_ZeroSteps().visit(ast.parse(code)))


class _ZeroSteps(ast.NodeTransformer):
    def visit_For(self, node: ast.For) -> ast.For:
        self.generic_visit(node)
        for call in ast.walk(node.iter):  # also the range inside tqdm(range(...))
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("range", "trange"):
                call.args, call.keywords = [ast.Constant(0)], []
        return node

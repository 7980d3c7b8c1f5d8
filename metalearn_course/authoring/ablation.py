"""Run a lesson with zero training steps: what still holds then was never a claim about learning."""

from __future__ import annotations

import ast
import copy
from pathlib import Path
from typing import NamedTuple

from metalearn_course._common import notebooks
from metalearn_course._common.notebooks import Notebook, source, tags
from metalearn_course.authoring.running import under_nbclient

TRAINING = "training"


class Ablation(NamedTuple):
    """A lesson run without training: what its claims about learning, by name, came to.

    failed: as they must. held: although nothing was trained. missed: never reached. errors: of cells, a line each.
    """

    failed: list[str]
    held: list[str]
    missed: list[str]
    errors: list[str]


def ablate(path: Path) -> Ablation:
    """Run the lesson at `path` with every training at zero steps."""
    run = under_nbclient(path, untrained(notebooks.read(path)), METALEARN_ABLATE="1")
    learned = [line for line in run.claims if line["learned"]]
    held = [line["claim"] for line in learned if line["holds"]]
    reached = {line["claim"] for line in run.claims}
    missed = [name for name in claims_in(notebooks.read(path)) if name not in reached]
    return Ablation([line["claim"] for line in learned if not line["holds"]], held, missed, run.errors)


def claims_in(notebook: Notebook) -> list[str]:
    """The names of the claims that stand at the top level of a notebook's cells, under no `if`."""
    names: list[str] = []
    for cell in notebook["cells"]:
        tree = notebooks.parse(cell) if cell["cell_type"] == "code" else None
        for statement in tree.body if tree is not None else []:
            call = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "claim":
                names += [str(arg.value) for arg in call.args[:1] if isinstance(arg, ast.Constant)]
    return names


def untrained(notebook: Notebook) -> Notebook:
    """The notebook with every `for ... in range(...)` of a cell tagged `training` running zero times."""
    new = copy.deepcopy(notebook)
    for cell in new["cells"]:
        if cell["cell_type"] == "code" and TRAINING in tags(cell):
            cell["source"] = without_steps(source(cell))
    return new


def without_steps(code: str) -> str:
    """The same code with every `range(...)` that a `for` runs over made `range(0)`."""
    return ast.unparse(_ZeroSteps().visit(ast.parse(code)))


class _ZeroSteps(ast.NodeTransformer):
    def visit_For(self, node: ast.For) -> ast.For:
        self.generic_visit(node)
        for call in ast.walk(node.iter):  # also the range inside tqdm(range(...))
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("range", "trange"):
                call.args, call.keywords = [ast.Constant(0)], []
        return node

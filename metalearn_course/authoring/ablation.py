"""Run a lesson with zero training steps: what still holds then was never a claim about learning.

Only what the claims about learning need is run: the lesson's own proof has run the rest.
"""

from __future__ import annotations

import ast
import copy
from pathlib import Path
from typing import NamedTuple, cast

from metalearn_course._common import notebooks
from metalearn_course._common.notebooks import Cell, Notebook, source, tags
from metalearn_course.authoring.running import under_nbclient
from metalearn_course.authoring.slicing import needed

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
    """Run what the learned claims of the lesson at `path` need, with every training at zero steps."""
    notebook = notebooks.read(path)
    run = under_nbclient(path, untrained(claims_alone(notebook)), METALEARN_ABLATE="1")
    learned = [line for line in run.claims if line["learned"]]
    held = [line["claim"] for line in learned if line["holds"]]
    reached = {line["claim"] for line in run.claims}
    missed = [name for name in claims_in(notebook) if name not in reached]
    return Ablation([line["claim"] for line in learned if not line["holds"]], held, missed, run.errors)


def claims_in(notebook: Notebook) -> list[str]:
    """The names of the claims about learning that stand at the top level of a notebook's cells, under no `if`."""
    names: list[str] = []
    for cell in notebook["cells"]:
        tree = _tree(cell)
        for statement in tree.body if tree is not None else []:
            if isinstance(statement, ast.Expr) and _claims(statement):
                call = cast(ast.Call, statement.value)
                names += [str(arg.value) for arg in call.args[:1] if isinstance(arg, ast.Constant)]
    return names


def claims_alone(notebook: Notebook) -> Notebook:
    """The notebook with only those statements that its claims about learning need; a cell without any is left out.

    A cell that is not plain Python stays as it is.
    """
    new = copy.deepcopy(notebook)
    cells = [(cell, tree) for cell in new["cells"] if (tree := _tree(cell)) is not None]
    kept = needed([tree for _, tree in cells], _claims, [TRAINING in tags(cell) for cell, _ in cells])
    for (cell, _), statements in zip(cells, kept, strict=True):
        cell["source"] = ast.unparse(ast.Module(statements, []))
    new["cells"] = [cell for cell in new["cells"] if cell["cell_type"] == "code" and source(cell).strip()]
    return new


def _tree(cell: Cell) -> ast.Module | None:
    return notebooks.parse(cell) if cell["cell_type"] == "code" else None


def _claims(statement: ast.stmt) -> bool:
    """Whether a claim about learning is made in a statement, but not only in a function that it defines."""
    calls = (node for node in ast.walk(statement) if isinstance(node, ast.Call))
    return not isinstance(statement, (ast.FunctionDef, ast.ClassDef)) and any(
        isinstance(call.func, ast.Name)
        and call.func.id == "claim"
        and not any(
            k.arg == "learned" and isinstance(k.value, ast.Constant) and not k.value.value for k in call.keywords
        )
        for call in calls
    )


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

"""The part of a notebook that its claims need: what is left out must not matter, what matters must not be left out."""

import ast

import pytest

from metalearn_course.authoring.ablation import claims_alone, claims_in
from metalearn_course.authoring.slicing import needed
from tests.helpers.cells import code, markdown


def kept(*cells, wanted="wanted", whole=()):
    """The source that is kept of each cell, where calls of `wanted` are what is wanted."""
    trees = [ast.parse(cell) for cell in cells]
    return [
        "\n".join(ast.unparse(statement) for statement in statements)
        for statements in needed(trees, lambda statement: wanted in ast.unparse(statement), whole)
    ]


def test_only_the_chain_to_what_is_wanted_is_kept():
    assert kept("a = 1\nb = 2", "c = a + 1\nd = b", "wanted(c)\nprint(d)") == ["a = 1", "c = a + 1", "wanted(c)"]


def test_what_comes_after_is_not_kept():
    assert kept("a = 1", "wanted(a)", "a = 2\na.x = 3") == ["a = 1", "wanted(a)", ""]


@pytest.mark.parametrize(
    "change",
    [
        "a.x = 1",
        "a['x'] = 1",
        "a.b[0].c += 1",
        "a.append(1)",
        "a.b().c.append(1)",
        "change(a)",
        "change(b, key=a)",
        "history = meta_train(a, tasks, 10)",
        "for i in range(3):\n    a.append(i)",
        "if b:\n    a = 1",
        "with b as a:\n    pass",
        "a += 1",
        "def a():\n    return 1",
        "class a:\n    pass",
        "import x.y as a",
        "import a.b",
        "from x import a",
        "(a, b) = (1, 2)",
        "[wanted for a in b] and (a := 1)",
    ],
)
def test_what_may_change_a_needed_name_is_kept(change):
    assert kept(change, "wanted(a)")[0] == ast.unparse(ast.parse(change))


@pytest.mark.parametrize(
    "look",
    ["print(a)", "figures.lines(a)", "plt.plot(a)", "b = len(a)", "b = a.append(1)", "claim('x', a, below=1)", "b"],
)
def test_what_only_looks_is_left_out(look):
    assert kept(look, "wanted(a)")[0] == ""


def test_in_a_training_cell_every_use_of_a_needed_name_counts():
    assert kept("b = a.train()\nc = 1", "wanted(a)", whole=(True, False))[0] == "b = a.train()"


def test_what_a_named_class_or_function_changes_is_changed_where_it_is_named():
    noted = ast.unparse(ast.parse("class Noted:\n    def sample(self):\n        seen.append(1)"))
    assert kept("seen = []", noted, "_ = look(Noted())", "wanted(seen)") == [
        "seen = []", noted, "_ = look(Noted())", "wanted(seen)",
    ]  # fmt: skip


def test_seeds_are_kept():
    assert kept("torch.manual_seed(0)\nx = 1", "wanted(a)")[0] == "torch.manual_seed(0)"


def test_a_function_brings_what_it_uses():
    assert kept("rate = 0.1\nother = 2", "def f(x):\n    return x * rate", "wanted(f(1))")[0] == "rate = 0.1"


def test_a_slice_computes_what_the_whole_computes():
    cells = [
        "rows = []\nother = []",
        "for i in range(4):\n    rows.append(i)\n    other.append(rows[-1] ** 2)",
        "unused = [sum(other)] * 3\nrows[0] = 7\nprint(unused)",
        "seen = sum(rows)\nwanted(seen)",
    ]
    values = []
    for source in ("\n".join(cells), "\n".join(kept(*cells))):
        exec(source, {"wanted": values.append, "print": lambda *_: None})
    assert values[0] == values[1] == 13


def test_claims_about_learning_are_kept_and_others_are_not():
    notebook = {
        "cells": [
            markdown("words", "# Words"),
            code("magic", "%matplotlib inline\nimport torch"),
            code("made", "a, b = 1, 2"),
            code("learned", "claim('one', a, below=2)\nclaim('two', b, below=3, learned=False)"),
            code("many", "for x in (a, a):\n    claim(f'{x}', x, below=2, learned=True)"),
            code("last", "print(a)"),
        ],
        "metadata": {},
    }
    alone = ["".join(cell["source"]) for cell in claims_alone(notebook)["cells"]]
    assert alone == [
        "a, b = (1, 2)",
        "claim('one', a, below=2)",
        "for x in (a, a):\n    claim(f'{x}', x, below=2, learned=True)",
    ]
    assert claims_in(notebook) == ["one"]

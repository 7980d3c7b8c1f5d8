"""What the texts for contributors say is so: paths and names exist, layers and shapes are the code's."""

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from metalearn_course import MAML, Characters, Episodes, Prototypical, Sinusoids, mlp
from metalearn_course.tasks.task import one_task

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "metalearn_course"
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob(".github/**/*.md")]
)
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())

SUFFIXES = ("py", "md", "toml", "ipynb", "yml", "yaml", "cff", "txt", "npz", "js", "css")
PATH = re.compile(rf"[\w.*-]+(?:/[\w.*-]+)*/|[\w.*-]+(?:/[\w.*-]+)+|[\w-]+\.(?:{'|'.join(SUFFIXES)})")
PLACEHOLDER = re.compile(r"(?<![A-Za-z])(NN|NAME|METHOD|LESSON|SOURCE)(?![A-Za-z])")
ELSEWHERE = re.compile(  # files that are no part of the repository: a learner's own, data, what a command leaves
    r"my_exercises/|omniglot/.*|\.venv/.*|dist/.*|(notebooks/|solutions/)?[\dN]{2}_\w+\.py|(notebooks/)?12_one_step\.ipynb"
)


def code_of(text):
    """What stands in backticks, and the lines of fenced blocks in bash."""
    blocks = re.findall(r"```(?:bash|powershell)\n(.*?)```", text, re.DOTALL)
    plain = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return re.findall(r"`([^`\n]+)`", plain) + [line for block in blocks for line in block.splitlines()]


def paths_in(text):
    """Words of code that look like paths of the repository."""
    words = {word.strip("\"'(),;:") for code in code_of(text) for word in code.split()}
    return sorted(word for word in words if PATH.fullmatch(word) and not ELSEWHERE.fullmatch(word))


def is_there(path):
    """From the top of the repository or of the package; NN, NAME and their like stand for anything."""
    pattern = PLACEHOLDER.sub(lambda found: "[0-9][0-9]" if found[1] == "NN" else "*", path.rstrip("/"))
    found = [match for base in (ROOT, PACKAGE) for match in base.glob(pattern)]
    return any(match.is_dir() or not path.endswith("/") for match in found)


def names_in(text):
    return sorted(set(re.findall(r"`(metalearn_course(?:\.\w+)+)", text)))


def exists(name):
    """Whether a dotted name leads to a module, or to something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            if not hasattr(thing, attribute):
                return False
            thing = getattr(thing, attribute)
        return True
    return False


@pages
def test_every_path_exists(page):
    assert [path for path in paths_in(page.read_text(encoding="utf-8")) if not is_there(path)] == []


@pages
def test_every_dotted_name_exists(page):
    assert [name for name in names_in(page.read_text(encoding="utf-8")) if not exists(name)] == []


@pages
def test_every_link_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def defined_in(text):
    """(file, name) of every row of a table that says what a function does, and of every "`name` in `file`"."""
    rows = re.findall(r"^\| `([\w/]+\.py)` \| `([\w.]+)` \|", text, re.MULTILINE)
    return rows + [(path, name) for name, path in re.findall(r"`(\w+)(?:\([^`]*\))?` in\s+`([\w/]+\.py)`", text)]


def is_defined(path, name):
    file = next(base / path for base in (ROOT, PACKAGE) if (base / path).exists())
    module = import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    if hasattr(module, name.partition(".")[0]):
        return exists(f"{module.__name__}.{name}")
    return re.search(rf"^\s+def {name}\b", file.read_text(encoding="utf-8"), re.MULTILINE) is not None


@pages
def test_every_function_is_in_the_file_that_is_named(page):
    named = defined_in(page.read_text(encoding="utf-8"))
    assert [(path, name) for path, name in named if not is_defined(path, name)] == []


def test_what_does_not_exist_is_found():
    text = (
        "`metalearn_course/tasks/` `tasks/task.py` `tasks/tusk.py` `python tools/weights.py --check` `docs/none/` "
        "`solutions/NN_NAME.ipynb` `notebooks/NAME_NN.ipynb` `no_such_page.md` `my_exercises/` `support.x` `2/3` "
        "`metalearn_course.pretrained` `metalearn_course.tasks.Tusk` `metalearn_course.training.checkpoint.Run.save`\n"
        "| `tasks/task.py` | `stack_tusks` | x |\n`choose` in `_common/trees.py`, `chose` in `_common/trees.py`"
    )
    missing = [path for path in paths_in(text) if not is_there(path)]
    assert missing == ["2/3", "docs/none/", "no_such_page.md", "notebooks/NAME_NN.ipynb", "tasks/tusk.py"]
    assert [name for name in names_in(text) if not exists(name)] == ["metalearn_course.tasks.Tusk"]
    wrong = [(path, name) for path, name in defined_in(text) if not is_defined(path, name)]
    assert wrong == [("tasks/task.py", "stack_tusks"), ("_common/trees.py", "chose")]


# --- docs/architecture.md

ARCHITECTURE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")


def test_the_layers_in_the_picture_are_those_that_import_linter_holds():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    held = [
        [sorted(re.split(r"[\s|:]+", row)) for row in contract["layers"]]
        for contract in contracts["contracts"]
        if contract["type"] == "layers"
    ]
    drawn = re.findall(r"^```\n(.*?)^```", ARCHITECTURE, re.DOTALL | re.MULTILINE)
    assert [[sorted(row.split()) for row in picture.splitlines()] for picture in drawn] == held


def test_every_room_of_the_package_has_its_line():
    there = {path.name + "/" for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    there |= {path.name for path in PACKAGE.glob("*.py") if path.name != "__init__.py"}
    rooms = ARCHITECTURE.partition("## Rooms")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([\w./]+)` \|", rooms, re.MULTILINE)) == there


def way(method):
    """The rows of one method's table, as one text."""
    return ARCHITECTURE.partition(f"### Through {method}")[2].partition("\n##")[0]


def shape(tensor):
    return str(tuple(tensor.shape))


def test_the_shapes_on_the_way_through_a_prototypical_network():
    noise = torch.randint(256, (8, 4, 28, 28), dtype=torch.uint8)
    alphabets = Characters(noise, ["noise"] * 8, [*"abcdefgh"], {"train": torch.arange(8)}, "noise")
    tasks = Episodes(alphabets, ways=5, shots=1, queries=3).sample(4, torch.Generator().manual_seed(0))
    method = Prototypical(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 64)))
    flat = torch.cat([tasks.support.x, tasks.query.x], 1).flatten(0, 1)
    task = one_task(tasks, 0)
    fitted = method.fit(task.support)
    embedded = method.embed(task.query.x)
    for said in (
        f"`support.x` {shape(tasks.support.x)}, `support.y` {shape(tasks.support.y)}",
        f"`query.x` {shape(tasks.query.x)}, `classes` {shape(tasks.classes)}",
        f"{shape(flat)} -> {shape(method.embed(flat))}",
        f"{shape(method.embed(task.support.x))} and labels {shape(task.support.y)}",
        f"-> prototypes {shape(fitted.adapted)}",
        f"queries {shape(embedded)} -> logits {shape(fitted(task.query.x))}",
        f"losses {shape(method(tasks))}",
        f"raw inputs: {shape(task.support.x)} -> `Predictor`",
    ):
        assert said in way("a prototypical network")


def test_the_shapes_on_the_way_through_maml():
    tasks = Sinusoids(shots=10, queries=20).sample(25, torch.Generator().manual_seed(0))
    method = MAML(mlp(1, 40, 40, 1), steps=1, loss=F.mse_loss)
    task = one_task(tasks, 0)
    fitted = method.fit(task.support)
    assert shape(tasks.support.y) == shape(tasks.support.x)
    assert {k: p.shape for k, p in fitted.adapted.items()} == {k: p.shape for k, p in method.start().items()}
    for said in (
        f"`support.x` and `support.y` {shape(tasks.support.x)}, `query.x` {shape(tasks.query.x)}",
        f"`classes` {shape(tasks.classes)}",
        f"gradient of `support_loss` on {shape(task.support.x)}",
        f"{shape(task.query.x)} -> {shape(fitted(task.query.x))}",
        f"together {shape(method(tasks))}",
    ):
        assert said in way("MAML")

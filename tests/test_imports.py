"""What an import costs and brings along, seen from one fresh interpreter that looks after every step."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import metalearn_course
from tests.helpers.processes import fresh_json

# Plots, widgets, the command line, downloads: none of it stands behind the core.
FOREIGN = ["matplotlib", "ipywidgets", "anywidget", "typer", "rich", "pooch", "requests", "PIL", "sklearn", "tqdm"]
SECONDS = 0.2  # of this process, not of a clock

STEPS = """
import json, sys, time
def there(names):
    return sorted({module.partition(".")[0] for module in sys.modules} & set(names))
def seconds(act):
    began = time.process_time()
    act()
    return time.process_time() - began
seen = {}

def package():
    import metalearn_course
took = seconds(package)
seen["with the package"] = there(["torch", "numpy"])

import metalearn_course
seen["unknown"] = hasattr(metalearn_course, "Reptiles")
import torch, torch.func, torch.nn.functional
from torch.nn.modules.module import register_module_forward_pre_hook
seen["with torch"] = there(FOREIGN)
def core():
    for name in metalearn_course.__all__:
        getattr(metalearn_course, name)
seen["seconds"] = took + seconds(core)
seen["with the core"] = there(FOREIGN)
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Of a second interpreter: the first one compiles, and keeps what it compiled, as Python does by default."""
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("compiled"))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    for _ in range(2):
        found = fresh_json(f"FOREIGN = {[*FOREIGN, 'IPython']}\n{STEPS}", environment=environment)
    return found


def test_importing_the_package_loads_no_torch_and_no_numpy(seen):
    assert seen["with the package"] == []


def test_the_core_needs_torch_and_numpy_only_and_adds_less_than_a_fifth_of_a_second(seen):
    assert set(seen["with the core"]) - set(seen["with torch"]) == set()
    assert seen["seconds"] < SECONDS


def test_every_name_is_what_its_module_says_and_is_found_by_completion():
    assert set(metalearn_course.__all__) <= set(dir(metalearn_course))
    for name in metalearn_course.__all__:
        if name != "__version__":
            assert getattr(metalearn_course, name).__name__.casefold() == name.casefold()


def test_submodules_are_reached_as_attributes():
    """By the function that Python asks where nobody has imported them yet."""
    assert metalearn_course.__getattr__("update_rules") is sys.modules["metalearn_course.update_rules"]


def test_an_unknown_name_is_an_attribute_error(seen):
    assert not hasattr(metalearn_course, "Reptiles") and not seen["unknown"]


def test_imports_point_one_way():
    """The layers of pyproject.toml, by import-linter: the core, its pictures, the school."""
    done = subprocess.run(
        ["lint-imports"], cwd=Path(__file__).parents[1], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0 and "Contracts: 4 kept, 0 broken" in done.stdout, done.stdout + done.stderr

"""What an import costs and brings along, seen from a fresh interpreter."""

import json
import subprocess
import sys
from pathlib import Path

import metalearn_course

# Plots, widgets, the command line, downloads: none of it stands behind the core.
FOREIGN = ["matplotlib", "ipywidgets", "anywidget", "typer", "rich", "pooch", "PIL", "sklearn", "tqdm", "IPython"]


def run(code):
    """The JSON that `code` prints in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True, timeout=120
    )
    return json.loads(done.stdout)


def test_importing_the_package_loads_no_torch_and_no_numpy():
    code = "import json, sys, metalearn_course; print(json.dumps([m in sys.modules for m in ('torch', 'numpy')]))"
    assert run(code) == [False, False]


def test_the_core_needs_torch_and_numpy_only_and_adds_less_than_a_fifth_of_a_second():
    code = f"""
import json, sys, time
import torch, torch.func, torch.nn.functional
from torch.nn.modules.module import register_module_forward_pre_hook
before = set(sys.modules)
began = time.process_time()
import metalearn_course
for name in metalearn_course.__all__:
    getattr(metalearn_course, name)
seconds = time.process_time() - began
new = {{m.partition(".")[0] for m in set(sys.modules) - before}}
print(json.dumps([seconds, sorted(new & set({FOREIGN}))]))
"""
    seconds, brought = run(code)
    assert brought == []
    assert seconds < 0.2


def test_every_name_is_what_its_module_says_and_is_found_by_completion():
    assert set(metalearn_course.__all__) <= set(dir(metalearn_course))
    for name in metalearn_course.__all__:
        if name != "__version__":
            assert getattr(metalearn_course, name).__name__.casefold() == name.casefold()


def test_submodules_are_reached_as_attributes():
    code = "import json, metalearn_course; print(json.dumps(metalearn_course.update_rules.SGD.__name__))"
    assert run(code) == "SGD"


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(metalearn_course, "Reptiles")


def test_imports_point_one_way():
    """The layers of pyproject.toml, by import-linter: the core, its pictures, the school."""
    done = subprocess.run(
        ["lint-imports"], cwd=Path(__file__).parents[1], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0 and "Contracts: 4 kept, 0 broken" in done.stdout, done.stdout + done.stderr

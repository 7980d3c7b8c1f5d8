"""Every public name says what it takes: each parameter stands under `Args:`."""

import importlib
import inspect
import re

import pytest

import metalearn_course
from metalearn_course.testing import CheckError

MODULES = (
    "metalearn_course",
    "metalearn_course.tasks",
    "metalearn_course.classroom",
    "metalearn_course.testing",
    "metalearn_course.trained.meta_learners",
    "metalearn_course.trained.rules",
)
RESULTS = {
    "Evaluation",
    "Tuned",
    "Examples",
    "Task",
    "Trace",
}  # made by the course: their docstrings say what is in them


def _public(module):
    own = (n for n, found in vars(module).items() if getattr(found, "__module__", "") == module.__name__)
    return getattr(module, "__all__", None) or [name for name in own if not name.startswith("_")]


def public_names():
    for module in map(importlib.import_module, MODULES):
        for name in sorted(set(_public(module)) - RESULTS - {"__version__"}):
            found = getattr(module, name)
            if callable(found) and not getattr(found, "_is_protocol", False) and found is not CheckError:
                yield pytest.param(found, id=f"{module.__name__}.{name}")


@pytest.mark.parametrize("found", list(public_names()))
def test_every_parameter_is_explained(found):
    if not (inspect.isclass(found) or inspect.isfunction(found)):
        return  # an object, such as check
    names = list(inspect.signature(found).parameters)
    docstring = inspect.getdoc(found)
    assert docstring, "no docstring"
    if len(names) < (1 if inspect.isclass(found) else 2):
        return
    sections = re.split(r"^(Args|Returns|Raises):$", docstring, flags=re.MULTILINE)
    assert "Args" in sections, "no Args: section"
    arguments = sections[sections.index("Args") + 1]
    assert re.findall(r"^    (\w+):", arguments, re.MULTILINE) == names


def test_the_package_is_asked():
    assert len(list(public_names())) > 60 and metalearn_course.MAML in [p.values[0] for p in public_names()]

"""Every public name says what it takes: each parameter stands under `Args:`."""

import importlib
import inspect
import re

import pytest

import metalearn_course

MODULES = ("metalearn_course", "metalearn_course.tasks", "metalearn_course.classroom")
RESULTS = {
    "Evaluation",
    "Tuned",
    "Examples",
    "Task",
    "Trace",
}  # made by the course: their docstrings say what is in them
ELSEWHERE = {"check_meta_learner"}


def public_names():
    for module in map(importlib.import_module, MODULES):
        for name in set(module.__all__) - RESULTS - ELSEWHERE - {"__version__"}:
            found = getattr(module, name)
            if callable(found) and not getattr(found, "_is_protocol", False):
                yield pytest.param(found, id=f"{module.__name__}.{name}")


@pytest.mark.parametrize("found", public_names())
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

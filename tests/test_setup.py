"""The ways to install the course hold against each other, and the code passes its linters."""

import ast
import importlib.metadata
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


PYPROJECT = tomllib.loads(read("pyproject.toml"))
PROJECT = PYPROJECT["project"]
PINS = {
    canonicalize_name(name): Version(version)
    for name, version in re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", read("constraints.txt"), re.MULTILINE)
}


EXTRAS = PROJECT["optional-dependencies"]


@pytest.mark.parametrize("dependency", PROJECT["dependencies"] + EXTRAS["test"] + EXTRAS["dev"])
def test_every_dependency_is_pinned_within_its_range(dependency):
    needed = Requirement(dependency)
    pin = PINS[canonicalize_name(needed.name)]
    assert pin in needed.specifier, (
        f"constraints.txt pins {needed.name}=={pin}; pyproject.toml wants {needed.specifier}"
    )


def test_constraints_hold_pins_and_nothing_else():
    lines = [line for line in read("constraints.txt").splitlines() if line and not line.startswith("#")]
    assert len(lines) == len(PINS)
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][^\s+]*( ; .+)?", line) for line in lines)
    assert PINS["torch"] == Version("2.13.0")


FIRSTS = ("3.11.0", "3.12.0", "3.13.0")  # a distribution may never go beyond the first release of a minor version


def refusals(pins, requires_python):
    """The pins that some first release of Python cannot install, among those that their markers ask for there."""
    lines = []
    for pin in map(Requirement, pins):
        pythons = SpecifierSet(requires_python[canonicalize_name(pin.name)])
        for first in FIRSTS:
            about = {"python_full_version": first, "python_version": first.rpartition(".")[0]}
            if (pin.marker is None or pin.marker.evaluate(about)) and first not in pythons:
                lines.append(f"{pin} needs Python {pythons}, which {first} is not")
    return lines


def test_every_pin_can_be_installed_with_the_first_release_of_each_python():
    wanted = [line for line in read("constraints.txt").splitlines() if line and not line.startswith("#")]
    installed = {canonicalize_name(found.name): found for found in importlib.metadata.distributions()}
    pins, requires_python = [], {}
    for line in wanted:
        name = canonicalize_name(Requirement(line).name)
        if name in installed and Version(installed[name].version).public == str(PINS[name]):
            pins.append(line)  # only what is installed as pinned can be asked which Python it needs
            requires_python[name] = installed[name].metadata["Requires-Python"] or ""
    assert len(pins) > 100, f"only {len(pins)} pins are installed here as constraints.txt has them"
    assert refusals(pins, requires_python) == []


def test_a_pin_that_a_first_release_cannot_install_is_named_unless_its_marker_excludes_it():
    needs = {"soupsieve": ">=3.11.5", "numpy": ">=3.11", "old": "<3.13"}
    assert refusals(["numpy==2.4.6"], needs) == []
    (line,) = refusals(["numpy==2.4.6", "soupsieve==4.1.2"], needs)
    assert line == "soupsieve==4.1.2 needs Python >=3.11.5, which 3.11.0 is not"
    assert refusals(["soupsieve==4.1.2 ; python_full_version >= '3.11.5'"], needs) == []
    assert len(refusals(["soupsieve==4.1.2 ; python_version >= '3.11'"], needs)) == 1
    assert len(refusals(["old==1"], needs)) == 1 and refusals(["old==1 ; python_version < '3.13'"], needs) == []


def test_this_environment_has_the_pinned_torch():
    import torch

    assert Version(torch.__version__).base_version == "2.13.0"


def test_conda_takes_the_same_python_and_the_same_constraints():
    text = read("environment.yml")
    (python,) = re.findall(r"^\s*- python(\S+)$", text, re.MULTILINE)
    assert SpecifierSet(python) == SpecifierSet(PROJECT["requires-python"])
    assert re.findall(r"^\s*- (pip|-c .+|-e .+)$", text, re.MULTILINE) == ["pip", "-c constraints.txt", "-e .[test]"]


def test_python_3_11_to_3_13_everywhere():
    supported = [f"3.{minor}" for minor in range(8, 20) if f"3.{minor}.1" in SpecifierSet(PROJECT["requires-python"])]
    classified = [c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", c)]
    (tested,) = re.findall(r"python: \[(.+)\]", read(".github/workflows/validate.yml"))
    assert supported == classified == re.findall(r"[\d.]+", tested) == ["3.11", "3.12", "3.13"]


def commands(shell):
    return re.findall(rf"```{shell}\n(.*venv.*)\n```", read("README.md"))


@pytest.mark.parametrize("shell", ["bash", "powershell"])
def test_the_two_commands_of_the_readme_are_the_workflows(shell):
    lab, test = commands(shell)
    assert lab.endswith("metalearn lab") and test.endswith("python -m pytest")
    assert "-c constraints.txt -e ." in lab and '-c constraints.txt -e ".[test]"' in test
    lines = [line.strip() for line in read(".github/workflows/validate.yml").splitlines()]
    assert f"{lab} --check" in lines and test in lines


def test_ci_runs_the_readmes_test_command_word_for_word():
    marked = re.findall(r"<!-- (\w+) command -->\n```bash\n(.+)\n```\n<!-- end -->", read("README.md"))
    assert marked == [("lab", commands("bash")[0]), ("test", commands("bash")[1])]
    assert "<!-- test command -->" in read(".ci/run") and "pip install" not in read(".ci/run")


WORKFLOW = read(".github/workflows/validate.yml")


def test_one_leg_runs_everything_the_others_a_part_and_every_night_all_do():
    """Conditions of the steps: of each pair of steps, exactly one runs."""
    whole = "github.event_name == 'schedule' || (matrix.os == 'ubuntu-latest' && matrix.python == '3.12')"
    assert f"WHOLE: ${{{{ {whole} }}}}" in WORKFLOW and re.search(r"schedule:\n +- cron:", WORKFLOW)
    steps = dict(re.findall(r"- name: (Install and test .+)\n +if: (.+)\n", WORKFLOW))
    assert steps == {
        f"Install and test {what} ({shell})": f"runner.os {system} 'Windows' && env.WHOLE {equal} 'true'"
        for shell, system in (("bash", "!="), ("PowerShell", "=="))
        for what, equal in (("everything", "=="), ("a part", "!="))
    }


def collected(*arguments):
    """What pytest would run: the identities of tests, and its last line."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    return [line for line in lines if line.startswith("tests/")], lines[-1]


@pytest.mark.course
def test_what_the_workflow_asks_for_is_there():
    """The same on every system; the unit tests are those of every file but three, and one lesson is one lesson."""
    asked = re.findall(r"^ +python -m pytest (.+)$", WORKFLOW, re.MULTILINE)
    unit, lesson = [
        '-m "not course"',
        '"tests/test_course.py::test_lesson[00]" "tests/test_course.py::test_exercises[00]"',
    ]
    assert asked == [unit, lesson, unit, lesson]
    found, said = collected(*shlex.split(unit))
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")}
    of_course = {"tests/test_course.py", "tests/test_browser.py", "tests/widgets/test_game_page.py"}
    assert {one.partition("::")[0] for one in found} == files - of_course
    assert re.search(r"^\d+/\d+ tests collected \(\d+ deselected\)", said) and len(found) > 1500
    found, said = collected(*shlex.split(lesson))
    assert sorted(found) == ["tests/test_course.py::test_exercises[00]", "tests/test_course.py::test_lesson[00]"]


def test_the_version_is_one():
    import metalearn_course

    assert metalearn_course.__version__ == PROJECT["version"]
    assert re.search(rf"^version: {re.escape(PROJECT['version'])}$", read("CITATION.cff"), re.MULTILINE)


def test_the_changelog_has_the_form_of_keep_a_changelog_and_begins_with_this_version():
    first, *sections = re.split(r"^## ", read("CHANGELOG.md"), flags=re.MULTILINE)
    assert first.startswith("# Changelog\n") and sections[0].startswith("[Unreleased]\n")
    headings = [re.match(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)\n", section) for section in sections[1:]]
    assert all(headings) and headings[0][1] == PROJECT["version"]
    versions, days = [Version(one[1]) for one in headings], [one[2] for one in headings]
    assert versions == sorted(set(versions), reverse=True) and days == sorted(days, reverse=True)
    kinds = re.findall(r"^### (.+)$", read("CHANGELOG.md"), re.MULTILINE)
    assert {*kinds} <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def sessions():
    """The commands of each session of noxfile.py, in their order, read without nox."""
    found = {}
    for function in ast.parse(read("noxfile.py")).body:
        if isinstance(function, ast.FunctionDef) and any("session" in ast.dump(one) for one in function.decorator_list):
            calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
            (call,) = (call for call in calls if getattr(call.func, "id", "") == "in_turn")
            found[function.name] = [ast.literal_eval(command) for command in call.args[1:]]
    return found


def test_contributing_names_every_session_with_its_commands():
    rows = re.findall(r"^\| `nox -s (\w+)` \| (.+?) \|", read("CONTRIBUTING.md"), re.MULTILINE)
    named = {name: re.findall(r"`([^`]+)`", commands) for name, commands in rows}
    assert named == sessions() and set(named) == {"quick", "course", "lint", "types", "docs"}


def test_the_quick_and_the_course_session_are_together_the_readmes_test_command():
    quick, course = sessions()["quick"], sessions()["course"]
    whole = commands("bash")[1].rpartition(" && ")[2]
    assert quick == [f'{whole} -m "not course"'] and course == [f"{whole} -m course"]


def test_pre_commit_runs_what_the_sessions_run_and_downloads_nothing():
    text = read(".pre-commit-config.yaml")
    assert re.findall(r"- repo: (.+)", text) == ["local"] and set(re.findall(r"language: (.+)", text)) == {"system"}
    entries = [entry.removesuffix(" --force-exclude") for entry in re.findall(r"entry: (.+)", text)]
    known = [re.sub(r" --check| \.", "", command) for name in ("lint", "types") for command in sessions()[name]]
    assert sorted(entries) == sorted(known)


def tool(*command, timeout=120):
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=timeout
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing():
    tool("ruff", "check", "--quiet", "--output-format=concise", ".")


def test_the_code_is_formatted():
    tool("ruff", "format", "--check", ".")


@pytest.mark.takes(5)
def test_the_core_type_checks(tmp_path):
    """As `mypy` alone does, but without reading torch's own types, which takes it half a minute the first time."""
    settings = read("pyproject.toml").partition("[tool.mypy]")
    skip_torch = '[[tool.mypy.overrides]]\nmodule = ["torch", "torch.*"]\nfollow_imports = "skip"\n'
    config = tmp_path / "mypy.toml"
    config.write_text(settings[1] + settings[2] + skip_torch, encoding="utf-8")
    tool("mypy", "--config-file", str(config), "--cache-dir", ".cache/tests/mypy")

"""The tasks of who changes the course: `nox -l` lists them, `nox -s quick lint` runs two.

They run in the environment that nox itself is in, where the course is installed. `nox --default-venv-backend venv`
makes an environment for each instead, installs the course with the versions of constraints.txt, and keeps it for the
next time.
"""

import os
import shlex
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["quick", "lint", "types", "docs"]


def in_turn(session: nox.Session, *commands: str) -> None:
    """Run commands one after another, as they would be typed in the activated environment."""
    own = session.virtualenv.venv_backend != "none"
    if own:
        session.install("-c", "constraints.txt", "-e", ".[test]")
    here = {} if own else {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    for command in commands:
        session.run(*shlex.split(command), env={"OMP_WAIT_POLICY": "PASSIVE", "PYTHONUTF8": "1", **here})


@nox.session
def quick(session: nox.Session) -> None:
    """The unit tests, about six minutes."""
    in_turn(session, 'python -m pytest -m "not course"')


@nox.session
def course(session: nox.Session) -> None:
    """Every lesson, exercise and solution, proved; tens of minutes."""
    in_turn(session, "python -m pytest -m course")


@nox.session
def lint(session: nox.Session) -> None:
    """Code, its form, its imports, and what can be seen of notebooks without running them."""
    in_turn(session, "ruff check .", "ruff format --check .", "lint-imports", "metalearn dev pages")


@nox.session
def types(session: nox.Session) -> None:
    """Type checks."""
    in_turn(session, "mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """The texts for contributors against the code."""
    in_turn(session, "python -m pytest tests/test_docs.py")

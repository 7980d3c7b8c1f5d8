"""Tests keep to themselves: a learner's folder of their own, no network, one thread a worker.

Two workers share the tests (`-n 2` in pyproject.toml; `-n 0` for none). What takes long begins first, and how fast the
machine is with as many notebooks at work as there are workers is measured once, before any test.
"""

import errno
import io
import os
import tempfile
from pathlib import Path

import pytest

from tests.helpers.sharing import Takes, shared_out

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))

if not WORKER:  # its workers inherit the folder
    _RUN = tempfile.TemporaryDirectory(prefix="metalearn-tests-", ignore_cleanup_errors=True)
    os.environ["METALEARN_TESTS"] = _RUN.name
RUN = Path(os.environ["METALEARN_TESTS"])

# One cache for all workers: what is kept there is written aside and renamed, and Omniglot is unpacked once.
os.environ["METALEARN_CACHE"] = str(Path(__file__).parents[1] / ".cache" / "tests")
os.environ["METALEARN_HOME"] = str(RUN / f"home {WORKER}".strip())
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
if WORKERS > 1:
    os.environ["OMP_NUM_THREADS"] = "1"  # of kernels and other processes, too
if "METALEARN_DATA" not in os.environ:
    os.environ["METALEARN_OFFLINE"] = "1"
for name in ("METALEARN_ABLATE", "METALEARN_CLAIMS"):
    os.environ.pop(name, None)


def pytest_configure(config):
    if WORKER or not config.getoption("numprocesses", None):  # who only hands out tests needs no torch
        import torch  # it reads OMP_WAIT_POLICY when it is imported

        torch.set_num_threads(1)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    if WORKER:
        items[:] = shared_out(items, WORKERS, takes)


def takes(item):
    mark = item.get_closest_marker("takes")
    return Takes(*mark.args, **mark.kwargs) if mark else Takes()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session):
    """Before any test: no worker begins until all have reported what they collected."""
    runs_notebooks = any("slowness" in getattr(item, "fixturenames", ()) for item in session.items)
    if runs_notebooks and WORKER in ("", "gw0") and not session.config.option.collectonly:
        from metalearn_course.authoring import validate

        said = validate.validate_machine(WORKERS).said  # unpacks Omniglot, where it is there, before it measures
        (RUN / "machine").write_text(f"{validate.slowness(WORKERS)}\n{said}\n", encoding="utf-8")


@pytest.fixture(scope="session")
def slowness():
    """How many times slower than the reference this machine is, with a notebook at work for every worker."""
    return float((RUN / "machine").read_text(encoding="utf-8").splitlines()[0])


def pytest_terminal_summary(terminalreporter):
    if (RUN / "machine").exists() and not WORKER:
        terminalreporter.write_line((RUN / "machine").read_text(encoding="utf-8").splitlines()[1])


class _Disk:
    """A disk that takes `room` more bytes, whatever files they belong to; reading from it works as ever."""

    def __init__(self, room: int) -> None:
        self.room = room

    def open(self, path: Path, mode: str = "r", *more: object, **options: object) -> object:
        if mode not in ("wb", "xb"):
            return open(path, mode, *more, **options)  # noqa: PTH123 (this is Path.open)
        return io.BufferedWriter(_File(self, path, mode.replace("b", "")))


class _File(io.FileIO):
    def __init__(self, disk: _Disk, path: Path, mode: str) -> None:
        super().__init__(path, mode)
        self.disk = disk

    def write(self, data: object) -> int:
        if not self.disk.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = super().write(bytes(data)[: self.disk.room])
        self.disk.room -= written
        return written


@pytest.fixture
def full_disk(monkeypatch):
    """Call it with the bytes that the disk has room for."""

    def fill(room: int = 0) -> None:
        disk = _Disk(room)
        monkeypatch.setattr(Path, "open", lambda *args, **options: disk.open(*args, **options))

    return fill


@pytest.fixture
def learners_folder(tmp_path, monkeypatch):
    """A learner's folder for this test alone, which is not there yet; and nothing that a run of notebooks sets."""
    monkeypatch.setenv("METALEARN_HOME", str(tmp_path / "home"))
    for name in ("NBGRADER_EXECUTION", "METALEARN_CHECKS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"

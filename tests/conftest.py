"""Tests keep to themselves: a cache and a learner's folder of their own, no network, one thread."""

import errno
import io
import os
import tempfile
from pathlib import Path

import pytest

_HOME = tempfile.TemporaryDirectory(prefix="metalearn-tests-", ignore_cleanup_errors=True)

os.environ["METALEARN_CACHE"] = str(Path(__file__).parents[1] / ".cache" / "tests")
os.environ["METALEARN_HOME"] = _HOME.name
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
if "METALEARN_DATA" not in os.environ:
    os.environ["METALEARN_OFFLINE"] = "1"
for name in ("METALEARN_ABLATE", "METALEARN_CLAIMS"):
    os.environ.pop(name, None)

import torch  # noqa: E402  (it reads OMP_WAIT_POLICY when it is imported)

torch.set_num_threads(1)


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

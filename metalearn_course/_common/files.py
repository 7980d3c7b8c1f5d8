"""Write a file so that nobody ever reads half of it: aside first, then under its name."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

HOUR = 3600.0
PATIENCE = 30.0  # seconds
_PART = re.compile(r".+\.(?P<host>[\w-]*)@(?P<process>\d{1,9})-[0-9a-f]{8}\.part", re.DOTALL)
if sys.platform == "win32":
    import msvcrt

    _HOST = ""
else:
    import fcntl

    _HOST = re.sub(r"[^\w-]", "-", os.uname().nodename)


def write_aside(path: Path, content: bytes | Callable[[BinaryIO], object], *, overwrite: bool = True) -> None:
    """Write `content`, bytes or a function that writes to an open file, beside `path`, then give it its name.

    Until the last byte is on the disk, what was under the name stays as it was. With `overwrite=False` a file that is
    there is never replaced, not even one that appeared meanwhile: FileExistsError. Where the disk is full, or the
    folder cannot be written, OSError names `path`, and nothing new is left. What killed writers left in the folder is
    removed.
    """
    if path.is_symlink():
        path = path.resolve()
    part = path.with_name(f"{path.name}.{_HOST}@{os.getpid()}-{os.urandom(4).hex()}.part")
    try:
        _make_folder(path.parent)
        with part.open("xb") as file:
            _remove_orphans(part)
            if isinstance(content, bytes):
                file.write(content)
            else:
                content(file)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            _replace(part, path)
        else:
            _name_if_free(part, path)
    except OSError as error:
        if error.errno is None:  # raised by somebody with words alone
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Let nobody else who asks for `path` in between: neither a thread, nor another process of this machine.

    The lock is on an empty file beside `path`, `.NAME.lock`, which stays. The system lets go of it when its owner ends.
    Whoever has waited for `patience` seconds goes on all the same, as on a file system that has no locks. OSError where
    the folder cannot be written.
    """
    _make_folder(path.parent)
    with path.with_name(f".{path.name}.lock").open("ab") as file:
        deadline = time.monotonic() + patience
        while not _lock(file.fileno()) and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield
        finally:
            _unlock(file.fileno())


def _lock(file: int) -> bool:
    """Try to lock an open file; whether it is locked now, or cannot be."""
    try:
        if sys.platform == "win32":
            os.lseek(file, 0, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
    return True


def _unlock(file: int) -> None:
    """Closing the file would do, too; Windows takes its time for that."""
    with contextlib.suppress(OSError):  # it never was locked
        if sys.platform == "win32":
            os.lseek(file, 0, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_UNLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_UN)


def put_aside(path: Path, why: str) -> Path:
    """Rename `path` to `name.WHY.ext`, or `name.WHY-2.ext` and so on where that is taken; returns its new place."""
    names = [path.with_suffix(f".{why}{number}{path.suffix}") for number in ["", *(f"-{n}" for n in range(2, 1000))]]
    aside = next((name for name in names if not os.path.lexists(name)), names[-1])
    path.replace(aside)
    return aside


def is_full(error: OSError) -> bool:
    """Whether the disk, or the user's share of it, has no room left."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def cannot_write(path: Path | str, error: OSError, otherwise: str) -> str:
    """One line about an error of `write_aside`; `otherwise` is what to do where the disk is not full."""
    advice = "free some space on that disk and do it again" if is_full(error) else otherwise
    return f"{path} cannot be written ({error.strerror or error}): {advice}."


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:  # which says, of a file to write, that its name is taken
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None


def _replace(part: Path, path: Path) -> None:
    """Rename over what is there; on Windows that has to wait while somebody reads it."""
    with contextlib.suppress(OSError):  # a new file, or a file system without modes
        part.chmod(path.stat().st_mode & 0o777)
    for attempt in range(5):
        try:
            part.replace(path)
            return
        except PermissionError:
            if attempt == 4:
                raise
            time.sleep(0.05)


def _name_if_free(part: Path, path: Path) -> None:
    """Give the file its name, unless the name is taken."""
    if sys.platform == "win32":
        part.rename(path)  # refuses to replace, there
        return
    try:
        os.link(part, path)
    except OSError:  # taken, which the next line says, too, or a file system without links: take the name, then fill it
        path.open("xb").close()
        try:
            part.replace(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise


def _remove_orphans(mine: Path) -> None:
    """Remove what writers left here that live no more: no process of theirs on this machine, or an hour of silence."""
    with contextlib.suppress(OSError):
        now = mine.stat().st_mtime  # the clock of the file system, which may be another machine's
        for other in mine.parent.iterdir():
            found = _PART.fullmatch(other.name)
            if found is None or other == mine:
                continue
            with contextlib.suppress(OSError):
                here = found["host"] == _HOST and not _lives(int(found["process"]))
                if here or now - other.stat().st_mtime > HOUR:
                    other.unlink()


def _lives(process: int) -> bool:
    """Whether a process of this machine runs; where that cannot be asked, it does."""
    if sys.platform == "win32":  # there, a signal of 0 would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True

"""Writing aside, with disks that are full, writers that are killed, and file systems that know no links."""

import errno
import os
import subprocess
import sys
import threading
import time

import pytest

from metalearn_course._common import files
from metalearn_course._common.files import cannot_write, write_aside


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_bytes_or_a_function_are_written_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "new" / "a.bin"
    write_aside(path, b"one")
    assert path.read_bytes() == b"one"
    write_aside(path, lambda file: file.write(b"two"))
    assert path.read_bytes() == b"two" and names(path.parent) == ["a.bin"]


@pytest.mark.parametrize("size", [10, 100_000])  # within a buffer, so that only flushing fails, and beyond it
@pytest.mark.parametrize("overwrite", [True, False])
def test_a_full_disk_leaves_the_old_file_whole_and_is_said_with_the_files_name(tmp_path, full_disk, size, overwrite):
    path = tmp_path / "a.bin"
    if overwrite:
        path.write_bytes(b"old")
    full_disk(room=3)
    with pytest.raises(OSError, match="No space left") as caught:
        write_aside(path, b"x" * size, overwrite=overwrite)
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(path)
    assert names(tmp_path) == (["a.bin"] if overwrite else [])
    assert not overwrite or path.read_bytes() == b"old"
    line = cannot_write(path, caught.value, "set A_FOLDER")
    assert line == f"{path} cannot be written (No space left on device): free some space on that disk and do it again."


def test_an_error_of_another_kind_passes_and_leaves_nothing(tmp_path):
    path = tmp_path / "a.bin"

    def half(file):
        file.write(b"ha")
        raise RuntimeError("what torch raises")

    with pytest.raises(RuntimeError, match="what torch raises"):
        write_aside(path, half)
    assert names(tmp_path) == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError) as caught:
        write_aside(tmp_path / "file" / "a.bin", b"x", overwrite=False)
    assert "set A_FOLDER" in cannot_write(path, caught.value, "set A_FOLDER")


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_is_there_is_never_replaced_unless_asked(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "no links here")))
    path = tmp_path / "a.bin"
    write_aside(path, b"mine", overwrite=False)
    with pytest.raises(FileExistsError):
        write_aside(path, b"theirs", overwrite=False)
    assert path.read_bytes() == b"mine" and names(tmp_path) == ["a.bin"]


def test_of_many_that_want_a_free_name_one_gets_it(tmp_path):
    path, refused = tmp_path / "a.bin", []
    start = threading.Barrier(8)

    def work(number):
        start.wait()
        try:
            write_aside(path, bytes([number]) * 1000, overwrite=False)
        except FileExistsError:
            refused.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    content = path.read_bytes()
    assert len(refused) == 7 and content == content[:1] * 1000 and content[0] not in refused
    assert names(tmp_path) == ["a.bin"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes and links of POSIX")
def test_a_new_file_has_the_usual_mode_an_old_one_keeps_its_own_and_a_link_stays_one(tmp_path):
    usual, path = tmp_path / "usual", tmp_path / "a.bin"
    usual.write_bytes(b"")
    write_aside(path, b"one")
    assert path.stat().st_mode == usual.stat().st_mode
    path.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(path)
    write_aside(link, b"two")
    assert path.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink() and path.read_bytes() == b"two"


@pytest.mark.skipif(sys.platform == "win32", reason="there, what is left is removed after an hour")
def test_what_a_killed_writer_left_is_removed_by_the_next_one(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom metalearn_course._common.files import write_aside\n"
        "def slow(file):\n    file.write(b'half')\n    file.flush()\n"
        "    print('half', flush=True)\n    sys.stdin.read()\n"
        "write_aside(Path(sys.argv[1]), slow)"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout.readline() == "half\n"
    assert len(names(tmp_path)) == 2
    write_aside(path, b"new")
    assert len(names(tmp_path)) == 2, "a writer that lives is left alone"
    writer.kill()
    writer.communicate()
    assert path.read_bytes() == b"new"
    write_aside(tmp_path / "b.bin", b"other")
    assert names(tmp_path) == ["a.bin", "b.bin"] and path.read_bytes() == b"new"


def test_only_our_own_files_aside_are_removed_and_another_machines_after_an_hour(tmp_path):
    path = tmp_path / "a.bin"
    kept = ["a.bin.part", "notes.part", "a.bin.1.part", "me@1-23.part", "a.bin.far@9999999999-0123abcd.part.bak"]
    others = ["a.bin.far@1-0123abcd.part", "b.bin.far-away@2-0123abcd.part"]
    for name in kept + others:
        (tmp_path / name).write_bytes(b"x")
    write_aside(path, b"new")
    assert names(tmp_path) == sorted(["a.bin", *kept, *others])
    for name in kept + others:
        os.utime(tmp_path / name, (time.time() - 2 * files.HOUR,) * 2)
    write_aside(path, b"new")
    assert names(tmp_path) == sorted(["a.bin", *kept])

"""Progress: no mark is lost when several write, and nothing of a learner's is overwritten."""

import json
import subprocess
import sys
import threading

import pytest

from metalearn_course._common.files import locked, put_aside
from metalearn_course.classroom import hint, progress, records

WRITER = (
    "import sys\nfrom metalearn_course.classroom import records\nsys.stdin.readline()\n"
    "for i in range(20):\n"
    "    records.update(f'{sys.argv[1]}_{i}', lambda record: {'solved': True})\n"
    "    records.update('shared', lambda record: {'hints': record.get('hints', 0) + 1})\n"
)


def test_processes_that_write_at_once_lose_no_mark():
    command = [sys.executable, "-c", WRITER]
    running = [subprocess.Popen([*command, f"writer{n}"], stdin=subprocess.PIPE) for n in range(4)]
    for process in running:
        process.stdin.write(b"\n")
        process.stdin.flush()
    assert [process.wait(timeout=300) for process in running] == [0] * 4
    for process in running:
        process.stdin.close()
    known = records.load()
    assert sorted(known) == sorted(["shared", *(f"writer{n}_{i}" for n in range(4) for i in range(20))])
    assert known["shared"]["hints"] == 80


def test_threads_that_write_at_once_lose_no_mark():
    def write(name):
        for i in range(10):
            records.update(f"{name}_{i}", lambda record: {"solved": True})

    threads = [threading.Thread(target=write, args=(f"thread{n}",)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(records.load()) == 50


def test_what_another_kernel_solved_meanwhile_stays_solved():
    records.update("sgd_update", lambda record: {"solved": False, "status": "wrong"})
    records.update("sgd_update", lambda record: {"solved": True})
    records.update("sgd_update", lambda record: {"solved": record.get("solved", False) or False, "status": "wrong"})
    assert records.load()["sgd_update"] == {"solved": True, "status": "wrong"}


def test_whoever_waits_too_long_for_a_lock_goes_on(tmp_path):
    with locked(tmp_path / "a"), locked(tmp_path / "a", patience=0.05), locked(tmp_path / "b"):
        entered = True
    assert entered
    with locked(tmp_path / "a", patience=0):
        pass


def test_files_that_cannot_be_read_are_numbered_and_kept(capsys, learners_folder):
    learners_folder.mkdir()
    file = learners_folder / "progress.json"
    for content in ("{half", "[]", '{"exercises": 3}'):
        file.write_text(content, encoding="utf-8")
        records.update("sgd_update", lambda record: {"solved": True})
    kept = ["progress.unreadable.json", "progress.unreadable-2.json", "progress.unreadable-3.json"]
    assert [(learners_folder / name).read_text(encoding="utf-8") for name in kept] == [
        "{half",
        "[]",
        '{"exercises": 3}',
    ]
    said = capsys.readouterr().out
    assert all(f"kept as {name};" in said for name in kept)
    assert records.load() == {"sgd_update": {"solved": True}}


def test_a_byte_order_mark_is_no_damage(learners_folder):
    learners_folder.mkdir()
    content = json.dumps({"version": 1, "exercises": {"sgd_update": {"solved": True}}})
    (learners_folder / "progress.json").write_text(content, encoding="utf-8-sig")
    assert records.load() == {"sgd_update": {"solved": True}}
    records.update("train", lambda record: {"solved": False})
    assert list(records.load()) == ["sgd_update", "train"]
    assert not list(learners_folder.glob("*.unreadable*"))


@pytest.mark.parametrize("hints", ["two", None, [2], 99, -1])
def test_hints_that_are_no_number_are_none(capsys, learners_folder, hints):
    learners_folder.mkdir()
    content = json.dumps({"exercises": {"sgd_update": {"hints": hints, "solved": "yes"}, "train": 3}})
    (learners_folder / "progress.json").write_text(content, encoding="utf-8")
    progress()
    hint("sgd_update")
    assert "Hint 3 of 3" in capsys.readouterr().out if hints == 99 else "Hint 1 of 3" in capsys.readouterr().out


def test_put_aside_takes_the_first_name_that_is_free(tmp_path):
    names = []
    for number in range(3):
        (tmp_path / "a.json").write_text(str(number), encoding="utf-8")
        names.append(put_aside(tmp_path / "a.json", "old").name)
    assert names == ["a.old.json", "a.old-2.json", "a.old-3.json"]
    assert [(tmp_path / name).read_text(encoding="utf-8") for name in names] == ["0", "1", "2"]

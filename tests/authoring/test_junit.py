from xml.etree import ElementTree

import pytest

from metalearn_course._common.environment import CourseError
from metalearn_course.authoring import junit
from metalearn_course.authoring.schedule import Outcome, Proof, carry_out


def plan():
    said = {
        "pages 02": Outcome("pages 02", "fine <&> \x1b[31mred"),
        "answers 02": Outcome("answers 02", "", ["first \x00 < problem", "second"]),
        "notebooks/02_x.ipynb": Outcome("notebooks/02_x.ipynb", "12 s of 90"),
    }
    return [Proof(what, what.split()[0], 1.0, lambda found=found: found) for what, found in said.items()]


def test_the_report_says_what_ran_what_failed_and_what_did_not_run(tmp_path):
    proofs, done = plan(), []
    path = tmp_path / "new" / "report.xml"
    for one in carry_out(proofs):
        done.append(one)
        if len(done) == 2:
            break
    junit.write(path, proofs, done)
    (suite,) = ElementTree.parse(path).getroot()
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "3", "failures": "1", "errors": "0", "skipped": "1"}
    passed, failed, skipped = suite
    assert [case.get("name") for case in suite] == ["pages 02", "answers 02", "notebooks/02_x.ipynb"]
    assert passed.get("classname") == "metalearn.pages" and float(passed.get("time")) >= 0
    assert passed.findtext("system-out") == "fine <&> [31mred" and passed.find("failure") is None
    assert failed.find("failure").get("message") == "first  < problem"
    assert failed.findtext("failure") == "first  < problem\nsecond"
    assert skipped.find("skipped") is not None and skipped.get("time") is None


def test_a_full_disk_leaves_the_last_report_whole_and_is_one_line(tmp_path, full_disk):
    path = tmp_path / "report.xml"
    junit.write(path, plan(), [])
    old = path.read_bytes()
    full_disk(room=20)
    with pytest.raises(CourseError, match=r"report\.xml cannot be written \(No space left"):
        junit.write(path, plan(), list(carry_out(plan())))
    assert path.read_bytes() == old

"""What was proved as JUnit XML, the form that CI services read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from metalearn_course._common.environment import CourseError
from metalearn_course._common.files import cannot_write, write_aside
from metalearn_course.authoring.schedule import Done, Proof

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(path: Path, proofs: Sequence[Proof], done: Sequence[Done]) -> None:
    """Write a case for each proof, in the order planned; one that did not run yet counts as skipped."""
    ran = {one.proof.what: one for one in done}
    failed = sum(1 for one in done if one.outcome.problems)
    counts = {"tests": len(proofs), "failures": failed, "errors": 0, "skipped": len(proofs) - len(ran)}
    suite = ElementTree.Element(
        "testsuite",
        {"name": "metalearn validate", "time": f"{sum(one.seconds for one in done):.3f}"}
        | {name: str(count) for name, count in counts.items()},
    )
    for proof in proofs:
        case = ElementTree.SubElement(suite, "testcase", classname=f"metalearn.{proof.kind}", name=proof.what)
        if proof.what not in ran:
            ElementTree.SubElement(case, "skipped", message="it did not run")
            continue
        one = ran[proof.what]
        case.set("time", f"{one.seconds:.3f}")
        if one.outcome.problems:
            failure = ElementTree.SubElement(case, "failure", message=_plain(one.outcome.problems[0]))
            failure.text = _plain("\n".join(one.outcome.problems))
        if one.outcome.said:
            ElementTree.SubElement(case, "system-out").text = _plain(one.outcome.said)
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    try:
        write_aside(path, ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True) + b"\n")
    except OSError as error:
        raise CourseError(cannot_write(path, error, "give --junit a file in a folder that can")) from None


def _plain(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    return _NOT_XML.sub("", text)

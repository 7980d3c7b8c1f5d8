"""Run notebooks in fresh kernels of this very Python: under nbval to compare, under nbclient to look inside."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast
from xml.etree import ElementTree

from metalearn_course._common import notebooks
from metalearn_course._common.environment import kernel_environment
from metalearn_course._common.notebooks import Notebook

CELL_SECONDS = 300


@dataclass
class Run:
    """One notebook from top to bottom: `errors` says which cells failed and how."""

    seconds: float
    errors: list[str]
    claims: list[dict[str, Any]]
    checks: list[dict[str, Any]]


@contextmanager
def scratch(**changes: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """A temporary folder and an environment in which kernels write there only, never to the learner's folder."""
    with tempfile.TemporaryDirectory(prefix="metalearn-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        yield (
            folder,
            kernel_environment(
                METALEARN_HOME=str(folder / "home"),
                METALEARN_CLAIMS=str(folder / "claims.jsonl"),
                METALEARN_CHECKS=str(folder / "checks.jsonl"),
                IPYTHONDIR=str(folder / "ipython"),
                **changes,
            ),
        )


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON Lines file; none where there is no file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def under_nbval(path: Path) -> Run:
    """Run a stored notebook under nbval: no cell may fail, cells tagged nbval-check-output must print the same.

    pytest gets an empty configuration and no plugin but nbval, so that it reads no one else's.
    """
    with scratch(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1") as (folder, environment):
        settings, report = folder / "pytest.ini", folder / "report.xml"
        settings.write_text("[pytest]\n", encoding="utf-8", newline="\n")
        command = [sys.executable, "-m", "pytest", "-p", "nbval.plugin", "-p", "no:cacheprovider", "--noconftest"]
        command += ["-c", str(settings), f"--rootdir={path.parent}", f"--junitxml={report}", "-q"]
        command += ["--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={CELL_SECONDS}", str(path)]
        start = time.perf_counter()
        done = subprocess.run(command, env=environment, cwd=path.parent, capture_output=True, check=False)
        seconds = time.perf_counter() - start
        output = (done.stdout + done.stderr).decode("utf-8", "replace")
        errors = _nbval_errors(path, report)
        if done.returncode != 0 and not errors:
            errors = [f"{path.parent.name}/{path.name}: nbval stopped: {' | '.join(output.strip().splitlines()[-4:])}"]
        return Run(seconds, errors, read_lines(folder / "claims.jsonl"), read_lines(folder / "checks.jsonl"))


def _nbval_errors(path: Path, report: Path) -> list[str]:
    if not report.exists():
        return []
    code_cells = [
        (index, cell) for index, cell in enumerate(notebooks.read(path)["cells"]) if cell["cell_type"] == "code"
    ]
    errors = []
    for case in ElementTree.parse(report).iter("testcase"):
        for failure in [*case.iter("failure"), *case.iter("error")]:
            number = re.search(r"Cell (\d+)", case.get("name") or "")
            index, cell = code_cells[int(number[1])] if number else (0, {})
            text = plain(failure.text or failure.get("message") or "").strip()
            errors.append(f"{notebooks.place(path, index, cell)}: {_essence(text)}")
    return errors


def plain(text: str) -> str:
    """Text without terminal colors."""
    return re.sub(r"(\x1b|#x1B)\[[0-9;]*m", "", text)


def _essence(text: str) -> str:
    """The lines of nbval's report that say what happened: the exception, or the first output that differs."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Interrupt|Exit|NotSolved|Timeout)\b", line)]
    differing = [line for line in lines if "mismatch" in line or "disparity" in line or "Missing output" in line]
    start = lines.index(differing[0]) if differing else 0
    chosen = errors[-1:] or lines[start : start + 4] if (errors or differing) else lines[-3:]
    return " | ".join(chosen)[:400]


def under_nbclient(
    path: Path, notebook: Notebook | None = None, environment: dict[str, str] | None = None, **changes: str
) -> Run:
    """Run a notebook, every cell whatever happens before it. Nothing is written back.

    `environment` replaces the scratch environment where the learner's own folder is meant.
    """
    import nbformat
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    book = nbformat.reads(json.dumps(notebook or notebooks.read(path)), as_version=4)
    manager = AsyncKernelManager()
    manager._kernel_spec = KernelSpec(**get_kernel_dict())  # this Python, whatever kernel "python3" is elsewhere
    client = NotebookClient(
        book,
        km=manager,
        timeout=CELL_SECONDS,
        allow_errors=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    with scratch(**changes) as (folder, prepared):
        lines = {name: prepared[name] for name in ("METALEARN_CLAIMS", "METALEARN_CHECKS")}
        start = time.perf_counter()
        stopped = []
        try:
            client.execute(env=prepared if environment is None else environment | lines, stderr=subprocess.DEVNULL)
        except (CellTimeoutError, DeadKernelError) as error:
            stopped = [f"{path.parent.name}/{path.name}: {' '.join(str(error).split())[:200]}"]
        seconds = time.perf_counter() - start
        errors = [
            f"{notebooks.place(path, index, cell)}: {output.ename}: {plain(output.evalue)[:300]}"
            for index, cell in enumerate(book.cells)
            for output in cell.get("outputs", [])
            if output.output_type == "error"
        ]
        claims, checks = read_lines(folder / "claims.jsonl"), read_lines(folder / "checks.jsonl")
        return Run(seconds, errors + stopped, claims, checks)


def measured_with(script: str) -> str:
    """What a fresh Python prints for `script`, in the environment that kernels get."""
    done = subprocess.run([sys.executable, "-c", script], env=kernel_environment(), capture_output=True, check=False)
    lines = (done.stdout if done.returncode == 0 else done.stderr).decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


def measured_together(script: str, processes: int) -> list[str]:
    """What each of several fresh Pythons prints last for `script`, which prints "ready" and then waits for a line.

    None goes on before all are ready, so that what they measure then, they measure side by side.
    """
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    command, environment = [sys.executable, "-c", script], kernel_environment()
    started = [subprocess.Popen(command, env=environment, **pipes) for _ in range(processes)]
    before = [_until_ready(cast(BinaryIO, process.stdout)) for process in started]
    for process in started:
        with contextlib.suppress(OSError):  # it ended before it was ready
            cast(BinaryIO, process.stdin).write(b"\n")
            cast(BinaryIO, process.stdin).flush()
    printed = [text + process.communicate()[0] for text, process in zip(before, started, strict=True)]
    return [text.decode("utf-8", "replace").strip().rpartition("\n")[2].strip() for text in printed]


def _until_ready(stream: BinaryIO) -> bytes:
    lines = []
    for line in stream:
        lines.append(line)
        if line.strip() == b"ready":
            break
    return b"".join(lines)

"""Run a lesson and store its outputs, without anything that changes for no reason."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from metalearn_course._common.environment import CourseError, kernel_environment, repository
from metalearn_course._common.files import cannot_write, write_aside

_KEEP = {"tags"}
_WIDGET = "application/vnd.jupyter.widget-view+json"


def lesson_path(lesson: str | None) -> Path:
    """The notebook of a lesson."""
    for path in (repository() / "notebooks").glob(f"{lesson}_*.ipynb"):
        return path
    raise CourseError(f"There is no lesson {lesson!r} in notebooks/; give its number, as in 02.")


def store(path: Path, timeout: int = 600) -> None:
    """Execute the notebook at `path` from top to bottom and write it back, outputs included.

    A cell that raises stops it, and nothing is written. Widgets are stored as the still picture that they carry, so
    that the page says something where no kernel runs. The learner's folder is an empty one, and folders of this
    machine are not stored.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=timeout, resources={"metadata": {"path": str(path.parent)}}, coalesce_streams=True
    )
    with tempfile.TemporaryDirectory() as home:
        client.execute(env=kernel_environment(METALEARN_HOME=home), stderr=subprocess.DEVNULL)
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                if output.output_type == "stream":
                    output.text = output.text.replace(home, "my_exercises").replace(str(Path.home()), "~")
    write(notebook, path)


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook with stable bytes: no timings, no widget state, one kernel description, LF on every system."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        **{key: value for key, value in notebook.metadata.items() if key == "metalearn"},
    }
    for cell in notebook.cells:
        cell.metadata = {key: value for key, value in cell.metadata.items() if key in _KEEP}
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(_still, cell.outputs) if output is not None]
    nbformat.validate(notebook)
    try:
        write_aside(path, (nbformat.writes(notebook).rstrip("\n") + "\n").encode("utf-8"))
    except OSError as error:
        raise CourseError(cannot_write(path, error, "make it writable and store the lesson again")) from None


def _still(output: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    """The output as a page without a kernel can show it; None where nothing is left."""
    if output.output_type == "stream":
        output.text = "\n".join(line.rsplit("\r", 1)[-1] for line in output.text.split("\n"))
        return output if output.text.strip() else None
    if output.output_type in ("display_data", "execute_result"):
        output.data.pop(_WIDGET, None)
        output.metadata = {mime: about for mime, about in output.metadata.items() if mime in output.data}
        return output if output.data else None
    return output

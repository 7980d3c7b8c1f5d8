"""Where the bounds of the lessons' claims come from: every lesson run under five seeds.

Every seed written in a lesson (`seed=0`, `manual_seed(0)`) is shifted by the same amount and the notebook is run again;
the claims' values are collected. A bound should leave room beyond the extremes seen here, for other processors.

    python tools/claim_bounds.py [LESSON ...] [--seeds 5] [--glyphs]
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from metalearn_course._common.environment import kernel_environment, repository
from metalearn_course.authoring.results import save

SEEDS = re.compile(r"(\bseed=|manual_seed\()(\d+)")


def claims_of(path: Path, shift: int, folder: Path, **environment: str) -> list[dict[str, object]]:
    """The claims that the notebook at `path` makes when all its seeds are `shift` higher, whether they hold or not."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = SEEDS.sub(lambda found: f"{found[1]}{int(found[2]) + shift}", cell.source)
    record = folder / f"{path.stem}-{shift}.jsonl"
    environment |= {"METALEARN_CLAIMS": str(record), "METALEARN_HOME": str(folder)}
    client = NotebookClient(
        notebook, timeout=600, allow_errors=True, resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute(env=kernel_environment(**environment), stderr=subprocess.DEVNULL)
    return [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()] if record.exists() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers, as in 02; all by default")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--glyphs", action="store_true", help="without Omniglot, as on a machine that has none")
    options = parser.parse_args()
    environment = {"METALEARN_OFFLINE": "1", "METALEARN_DATA": ""} if options.glyphs else {}
    with tempfile.TemporaryDirectory() as folder:
        if options.glyphs:
            environment["METALEARN_CACHE"] = folder
        for path in sorted((repository() / "notebooks").glob("*.ipynb")):
            if options.lessons and path.name[:2] not in options.lessons:
                continue
            rows: dict[str, dict[str, object]] = {}
            for shift in range(options.seeds):
                for claim in claims_of(path, shift, Path(folder), **environment):
                    row = rows.setdefault(str(claim["claim"]), {"bounds": claim["bounds"], "values": []})
                    row["values"].append(claim["value"])  # type: ignore[attr-defined]
            for name, row in rows.items():
                values: list[float] = row["values"]  # type: ignore[assignment]
                print(
                    f"{path.name[:2]} {name}: {min(values):.3f} ... {max(values):.3f} over {len(values)} seeds; "
                    f"claimed {row['bounds']}",
                    flush=True,
                )
            save(f"claims_{path.name[:2]}{'_glyphs' if options.glyphs else ''}", rows)


if __name__ == "__main__":
    main()

"""Methods as rows: one table of what they reach, one of what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..evaluation.compare import Row
from .tables import Table, method_table


def accuracy_table(rows: Sequence[Row], more: Mapping[str, Mapping[str, str]] | None = None) -> Table:
    """A row for every method that `compare` measured: its accuracy, its difference to the reference, one's own symbols.

    Protocols, and what answers were measured to depend on, stand beneath.

    Args:
        rows: as `compare` returns them.
        more: further columns, by their title: {method: cell}. Other methods' cells stay empty.
    """
    reference = next((row.name for row in rows if row.difference is None), "")
    with_symbols = all(row.symbols for row in rows)
    header = ["method", "accuracy ± 95%", f"minus {reference} ± 95%, paired", *(more or {})]
    body = []
    for row in rows:
        difference = "" if row.difference is None else f"{row.difference[0]:+.3f} ± {row.difference[1]:.3f}"
        cells = [row.name, f"{row.result.mean:.3f} ± {row.result.interval:.3f}", difference]
        cells += [column.get(row.name, "") for column in (more or {}).values()]
        body.append([*cells, f"{row.symbols.mean:.3f}"] if with_symbols and row.symbols else cells)
    return Table([*header, "your symbols"] if with_symbols else header, body, method_table(rows).notes)


def cost_table(rows: Sequence[Row]) -> Table:
    """A row for every method that `compare` measured: parameters, seconds of meta-training, milliseconds to adapt."""
    body = [
        [
            row.name,
            f"{row.parameters / 1000:.0f}k" if row.parameters >= 10_000 else str(row.parameters),
            "–" if row.seconds is None else f"{row.seconds:.0f}",
            f"{row.milliseconds:.1f}",
        ]
        for row in rows
    ]
    return Table(["method", "parameters", "meta-training, s", "adapting, ms"], body)

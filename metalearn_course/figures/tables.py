"""Tables that say what a number depends on: as HTML, and as text where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from torch import Tensor

from ..evaluation import Dependencies, Evaluation
from ..evaluation.compare import Row
from ..studies.leads import Lead


class Table:
    """Rows under a header, with notes beneath; the first cell of each row names it."""

    def __init__(self, header: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> None:
        self.header, self.rows, self.notes = header, rows, notes

    def _repr_html_(self) -> str:
        left = ' style="text-align: left"'
        head = "".join(f'<th scope="col"{left}>{escape(cell)}</th>' for cell in self.header)
        body = "".join(
            f'<tr><th scope="row"{left}>{escape(row[0])}</th>'
            + "".join(f"<td{left}>{escape(cell)}</td>" for cell in row[1:])
            + "</tr>"
            for row in self.rows
        )
        notes = "".join(f"<p><small>{escape(note)}</small></p>" for note in self.notes)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"

    def __repr__(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.header))]
        text = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines]
        return "\n".join([text[0], "-" * max(map(len, text)), *text[1:], *self.notes])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}


def results_table(rows: Mapping[str, Evaluation], measure: str = "accuracy") -> Table:
    """Method, its number with the 95% interval, and what its answers were measured to depend on; protocols beneath."""
    protocols = list(dict.fromkeys(result.protocol for result in rows.values()))
    many = len(protocols) > 1
    body = []
    for name, result in rows.items():
        mark = f" [{protocols.index(result.protocol) + 1}]" if many else ""
        body.append([name + mark, f"{result.mean:.3f} ± {result.interval:.3f}", str(result.dependencies)])
    notes = [f"[{i}] {p}." if many else f"{p}." for i, p in enumerate(protocols, 1)]
    return Table(["method", f"{measure} ± 95% interval", "answers, as measured"], body, notes)


def dependency_table(rows: Mapping[str, Dependencies]) -> Table:
    """What the answer to one query depends on, as measured: a yes or a no for each kind of input; "?" if not known."""
    header, body = ["answers of", "own support set", "other queries", "other tasks"], []
    for name, found in rows.items():
        felt = (found.own_support, found.other_queries, found.other_tasks)
        body.append([name, *("yes" if one else "no" if found.known else "?" for one in felt)])
    return Table(header, body)


def over_trainings(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    """Mean and range of one method's accuracy over several trainings, such as "0.954 (0.951 to 0.956)".

    Args:
        rows: a training each, as in `results("weights_omniglot")["rows"]`: its method's "name", its "mean" on the test
            tasks, between 0 and 1, and its "seed".
        name: of the method, as `pretrained` knows it.

    Returns:
        The text; the number and "(one training)" where there is no range.

    Raises:
        ValueError: if no row is of this method.
    """
    means = [row["mean"] for row in rows if row["name"] == name]
    if not means:
        known = ", ".join(sorted({row["name"] for row in rows}))
        raise ValueError(f"No training of {name!r} among: {known or 'none'}.")
    return mean_and_range(means, digits=3)


def mean_and_range(values: Sequence[float], digits: int = 2) -> str:
    """Mean and range of what several trainings came to, such as "1.01 (0.80 to 1.12)".

    Args:
        values: a number for each training, one or more.
        digits: after the point.

    Returns:
        The text; the number and "(one training)" where there is no range.

    Raises:
        ValueError: without a value.
    """
    if not values:
        raise ValueError("mean_and_range needs the value of one training at least; it got none.")
    spread = f"{min(values):.{digits}f} to {max(values):.{digits}f}" if len(values) > 1 else "one training"
    return f"{sum(values) / len(values):.{digits}f} ({spread})"


def method_table(rows: Sequence[Row], more: Mapping[str, Mapping[str, str]] | None = None) -> Table:
    """A column for every method that `compare` measured, a row for every measure, one's own symbols as the last row.

    Protocols, and what answers were measured to depend on, stand beneath.

    Args:
        rows: as `compare` returns them.
        more: further rows beneath the accuracies, by what they show: {method: cell}. Other methods' cells stay empty.
    """
    reference = next((row.name for row in rows if row.difference is None), "")
    measures = {
        "accuracy": [f"{row.result.mean:.3f}" for row in rows],
        "± (95%)": [f"{row.result.interval:.3f}" for row in rows],
        f"minus {reference}": ["" if row.difference is None else f"{row.difference[0]:+.3f}" for row in rows],
        "± (95%, paired)": ["" if row.difference is None else f"{row.difference[1]:.3f}" for row in rows],
        **{label: [cells.get(row.name, "") for row in rows] for label, cells in (more or {}).items()},
        "parameters": [_thousands(row.parameters) for row in rows],
        "meta-training, s": ["–" if row.seconds is None else f"{row.seconds:.0f}" for row in rows],
        "adapting, ms": [f"{row.milliseconds:.1f}" for row in rows],
    }
    notes = [f"{protocol}." for protocol in dict.fromkeys(row.result.protocol for row in rows)]
    if all(row.symbols for row in rows):
        measures["your symbols"] = [f"{row.symbols.mean:.3f}" for row in rows if row.symbols]
        notes += [f"your symbols: {p}." for p in dict.fromkeys(row.symbols.protocol for row in rows if row.symbols)]
    for found in dict.fromkeys(row.result.dependencies for row in rows):
        names = [row.name for row in rows if row.result.dependencies == found]
        notes.append(f"measured: {'every answer' if len(names) == len(rows) else ', '.join(names)} {found}.")
    return Table(["", *(row.name for row in rows)], [[name, *cells] for name, cells in measures.items()], notes)


def losses_table(losses: Mapping[str, Tensor], steps: Sequence[int], note: str = "") -> Table:
    """Means and medians of many trainings after some of their steps: a row for every rule, two columns for every step.

    losses: for each rule what `curves` gave, (problems, steps + 1).
    """
    header = ["", *(f"{measure} at {step}" for step in steps for measure in ("mean", "median"))]
    rows = []
    for name, each in losses.items():
        numbers = [number for step in steps for number in (each[:, step].mean(), each[:, step].median())]
        rows.append([name, *(f"{number:.2g}" for number in numbers)])
    return Table(header, rows, [note] if note else [])


def leads_table(found: Mapping[str, Lead], ours: str, theirs: str, what: str = "", note: str = "") -> Table:
    """What `leads` found, a row for every group: both means, its share of the lead, and how often `ours` is ahead."""
    header = [what, f"{ours}, mean", f"{theirs}, mean", "share of the lead", f"{ours} is ahead on"]
    rows = [
        [name, f"{each.ours:.2f}", f"{each.theirs:.2f}", f"{each.share:.0%}", f"{each.ahead:.0%}"]
        for name, each in found.items()
    ]
    return Table(header, rows, [note] if note else [])


def _thousands(count: int) -> str:
    return f"{count / 1000:.0f}k" if count >= 10_000 else str(count)

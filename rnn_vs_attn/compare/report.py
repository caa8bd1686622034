"""All that `ab` and `compare` have found in one call: its verdicts, the rows of its tables, and the JSON document."""

from __future__ import annotations

import dataclasses
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.compare.preliminary import Unfinished, preliminary
from rnn_vs_attn.compare.sentences import NO_MARGINS, Margins, of_same_code, sentences
from rnn_vs_attn.compare.verdicts import (
    ACCEPTED,
    BROKEN,
    FAILED,
    FASTER,
    MISSING,
    NEW,
    SAME,
    SLOWER,
    UNSURE,
    Comparison,
)
from rnn_vs_attn.records.types import AxisValue
from rnn_vs_attn.report.tables import Table

_ORDER = (BROKEN, SLOWER, FAILED, MISSING, NEW, ACCEPTED, UNSURE, FASTER, SAME)


@dataclass(frozen=True)
class Report:
    """All verdicts of one call, what a reader must know with them, and the exit code that follows.

    margins: what the verdicts were judged by; lead: what is said in place of sentences about verdicts, a line each;
    method: how they came about; repeat: the command that measures it again; same_code: two sides that cannot differ;
    unfinished: where not all was measured, how to go on; facts: what the JSON document has beside the verdicts.
    """

    title: str
    found: Sequence[Comparison]
    notes: Sequence[str]
    code: int
    facts: dict[str, Any] = field(default_factory=dict)
    margins: Margins = NO_MARGINS
    lead: str = ""
    method: Sequence[str] = ()
    repeat: str = ""
    same_code: bool = False
    unfinished: Unfinished | None = None

    @property
    def ordered(self) -> list[Comparison]:
        """Worst first."""
        return sorted(self.found, key=lambda c: (_ORDER.index(c.verdict), -c.worsening, str(c.axes)))

    @property
    def counts(self) -> str:
        """`1 slower, 0 faster, 22 same, 1 unsure`: faster always beside slower, for a pile on one side means drift."""
        number = Counter(c.verdict for c in self.found)
        order = (BROKEN, SLOWER, FASTER, ACCEPTED, SAME, UNSURE, FAILED, MISSING, NEW)
        named = [v for v in order if v in (SLOWER, FASTER) or number[v]]
        return ", ".join(f"{number[verdict]} {verdict}" for verdict in named)

    @property
    def headline(self) -> str:
        """Which versions, and how many rows have which verdict."""
        return f"{self.title}: {self.counts}" if self.found else self.title

    @property
    def sentences(self) -> list[str]:
        """What a person would say of it, the most important first."""
        if self.lead or not self.found:
            return self.lead.splitlines() or ["Nothing was compared."]
        if self.unfinished is not None and self.unfinished.said:
            return preliminary(self.ordered, self.margins, self.unfinished.said)
        said = of_same_code if self.same_code else sentences
        return said(self.ordered, self.margins)


def document(report: Report) -> dict[str, Any]:
    """What `--json` prints."""
    return report.facts | {
        "title": report.title,
        "summary": report.sentences,
        "repeat": report.repeat,
        "go_on": report.unfinished.go_on if report.unfinished else "",
        "exit_code": report.code,
        "counts": dict(Counter(c.verdict for c in report.found)),
        "comparisons": [dataclasses.asdict(c) for c in report.ordered],
        "notes": [*report.notes, *report.method],
        "method": list(report.method),
    }


# Tables


def table(report: Report, shown: Sequence[Comparison]) -> Table:
    """A row a comparison of some of a report's, all with the same columns as far as they hold anything."""
    names = varying([c.axes for c in report.found])
    columns = [c for c in _COLUMNS if c[0] in ("verdict", "metric") or any(c[1](found) for found in shown)]
    rows = [
        [*(str(c.axes.get(name, "–")) for name in names), *(write(c) or "–" for _, write in columns)] for c in shown
    ]
    header = [*names, *(title for title, _ in columns)]
    return Table("", header, rows, [], grouped=False, heads=len(names) + 1, prose=("reason",))


def varying(axes: Sequence[dict[str, AxisValue]]) -> list[str]:
    """Axes that differ between rows, model and seq_len always and first."""
    names = list(dict.fromkeys(name for found in axes for name in found))
    first = [name for name in ("model", "seq_len") if name in names]
    return first + [n for n in names if n not in first and len({found.get(n) for found in axes}) > 1]


def fixed(axes: Sequence[dict[str, AxisValue]]) -> list[str]:
    """One line with the axes that all rows share."""
    named = varying(axes)
    shared = {name: value for name, value in (axes[0] if axes else {}).items() if all(name in a for a in axes)}
    text = ", ".join(f"{name} {value}" for name, value in shared.items() if name not in named and value is not None)
    return [f"all rows: {text}"] if text else []


def value(value: float | None, comparison: Comparison) -> str:
    if value is None:
        return ""
    return units.of_unit(value, comparison.unit)


def change(comparison: Comparison) -> str:
    if comparison.centre is None:
        return ""
    written = (lambda v: f"{v:.3f}") if comparison.scale == "ratio" else (lambda v: f"{v:+.4g}")
    if comparison.low is None or comparison.high is None:
        return written(comparison.centre)
    if comparison.exact:
        return f"{written(comparison.centre)} exact"
    return f"{written(comparison.centre)} [{written(comparison.low)}, {written(comparison.high)}]"


def decided(comparison: Comparison) -> str:
    if not comparison.values:
        return ""
    where = f"stage {comparison.stage}, " if comparison.stage is not None else ""
    return f"{where}{comparison.values} {'pairs' if comparison.stage else 'rounds'}"


def could_see(comparison: Comparison) -> str:
    """The smallest slowdown, where none was found."""
    told = comparison.detectable is not None and comparison.verdict in (SAME, UNSURE)
    return f"+{units.percent(comparison.detectable)}" if told and comparison.detectable else ""


_COLUMNS: tuple[tuple[str, Any], ...] = (
    ("metric", lambda c: c.metric),
    ("verdict", lambda c: c.verdict),
    ("baseline", lambda c: value(c.baseline, c)),
    ("candidate", lambda c: value(c.candidate, c)),
    ("candidate ÷ baseline", change),
    ("own limit", lambda c: "" if c.limit is None else units.percent(c.limit)),
    ("decided on", decided),
    ("could see", could_see),
    ("q", lambda c: "" if c.q is None else f"{c.q:.3f}"),
    ("reason", lambda c: c.reason),
)


def geometric_mean(found: Sequence[Comparison]) -> str:
    """One number over all timed rows, to read and never to judge by."""
    ratios = [c.centre for c in found if c.centre and c.unit == "s" and c.scale == "ratio" and not c.exact]
    if len(ratios) < 2:
        return ""
    mean = statistics.geometric_mean(ratios)
    return f"geometric mean of {len(ratios)} time ratios: {mean:.3f} (no verdict hangs on it)"

"""How the verdicts of `ab` and `compare` reach people and other programs: table, Markdown, JUnit, GitHub, JSON."""

from __future__ import annotations

import dataclasses
import os
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rnn_vs_attn import units
from rnn_vs_attn.compare.verdicts import BROKEN, FAILED, FASTER, MISSING, NEW, SAME, SLOWER, UNSURE, Comparison
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.records.types import AxisValue
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.report.terminal import Terminal, print_table
from rnn_vs_attn.text import safe
from rnn_vs_attn.text.streams import print_json

MOST_ROWS = 50  # in Markdown; a job summary may have 1 MiB
_ORDER = (BROKEN, SLOWER, FAILED, MISSING, NEW, UNSURE, FASTER, SAME)
_HEADLINES = {0: "no slowdown found", 1: "slower", 3: "no verdict", 5: "broken"}


@dataclass(frozen=True)
class Report:
    """All verdicts of one call, what a reader must know with them, and the exit code that follows.

    facts: what the JSON document has beside the verdicts.
    """

    title: str
    found: Sequence[Comparison]
    notes: Sequence[str]
    code: int
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def ordered(self) -> list[Comparison]:
        """Worst first."""
        return sorted(self.found, key=lambda c: (_ORDER.index(c.verdict), -c.worsening, str(c.axes)))

    @property
    def counts(self) -> str:
        """`1 slower, 0 faster, 22 same, 1 unsure`: faster always beside slower, for a pile on one side means drift."""
        number = Counter(c.verdict for c in self.found)
        order = (BROKEN, SLOWER, FASTER, SAME, UNSURE, FAILED, MISSING, NEW)
        named = [v for v in order if v in (SLOWER, FASTER) or number[v]]
        return ", ".join(f"{number[verdict]} {verdict}" for verdict in named)

    @property
    def headline(self) -> str:
        return f"{self.title}: {_HEADLINES.get(self.code, 'done')} ({self.counts})"


def document(report: Report) -> dict[str, Any]:
    """What `--json` prints."""
    return report.facts | {
        "title": report.title,
        "exit_code": report.code,
        "counts": dict(Counter(c.verdict for c in report.found)),
        "comparisons": [dataclasses.asdict(c) for c in report.ordered],
        "notes": list(report.notes),
    }


# Tables


def table(report: Report, most: int | None = None) -> Table:
    """A row a comparison, worst first, at most `most` of them; the rest, and equal exact values, are counted."""
    equal, told = list[Comparison](), list[Comparison]()
    for c in report.ordered:
        (equal if c.exact and c.verdict == SAME and c.baseline == c.candidate else told).append(c)
    shown = told[:most]
    names = varying([c.axes for c in report.found])
    columns = [c for c in _COLUMNS if c[0] in ("verdict", "metric") or any(c[1](found) for found in shown)]
    rows = [
        [*(str(c.axes.get(name, "–")) for name in names), *(write(c) or "–" for _, write in columns)] for c in shown
    ]
    hidden = told[len(shown) :]
    notes = [*report.notes, *_fixed([c.axes for c in report.found], names)]
    if equal:
        metrics = ", ".join(dict.fromkeys(c.metric for c in equal))
        notes.insert(0, f"{len(equal)} exact values are equal on both sides ({metrics})")
    if hidden:
        left = Counter(c.verdict for c in hidden)
        notes.insert(0, f"and {len(hidden)} more rows: " + ", ".join(f"{n} {v}" for v, n in left.items()))
    header = [*names, *(title for title, _ in columns)]
    return Table(report.headline, header, rows, notes, grouped=False, heads=len(names) + 1, prose=("reason",))


def varying(axes: Sequence[dict[str, AxisValue]]) -> list[str]:
    """Axes that differ between rows, model and seq_len always and first."""
    names = list(dict.fromkeys(name for found in axes for name in found))
    first = [name for name in ("model", "seq_len") if name in names]
    return first + [n for n in names if n not in first and len({found.get(n) for found in axes}) > 1]


def _fixed(axes: Sequence[dict[str, AxisValue]], named: Sequence[str]) -> list[str]:
    """One line with the axes that all rows share."""
    shared = {name: value for name, value in (axes[0] if axes else {}).items() if all(name in a for a in axes)}
    text = ", ".join(f"{name} {value}" for name, value in shared.items() if name not in named and value is not None)
    return [f"all rows: {text}"] if text else []


def _value(value: float | None, comparison: Comparison) -> str:
    if value is None:
        return ""
    return units.of_unit(value, comparison.unit)


def _change(comparison: Comparison) -> str:
    if comparison.centre is None:
        return ""
    written = (lambda v: f"{v:.3f}") if comparison.scale == "ratio" else (lambda v: f"{v:+.4g}")
    if comparison.low is None or comparison.high is None:
        return written(comparison.centre)
    if comparison.exact:
        return f"{written(comparison.centre)} exact"
    return f"{written(comparison.centre)} [{written(comparison.low)}, {written(comparison.high)}]"


def _decided(comparison: Comparison) -> str:
    if not comparison.values:
        return ""
    where = f"stage {comparison.stage}, " if comparison.stage is not None else ""
    return f"{where}{comparison.values} {'pairs' if comparison.stage else 'rounds'}"


_COLUMNS: tuple[tuple[str, Any], ...] = (
    ("metric", lambda c: c.metric),
    ("verdict", lambda c: c.verdict),
    ("baseline", lambda c: _value(c.baseline, c)),
    ("candidate", lambda c: _value(c.candidate, c)),
    ("candidate ÷ baseline", _change),
    ("decided on", _decided),
    ("could see", lambda c: "" if c.detectable is None else f"+{units.percent(c.detectable)}"),
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


# Files and places


def markdown(report: Report) -> str:
    """For a comment or a job summary: the worst rows, then a count."""
    return table(report, MOST_ROWS).markdown()


def junit(report: Report) -> str:
    """One test case a row: a failure (broken, slower), an error (failed, missing), skipped (unsure, new) or well."""
    kinds = {BROKEN: "failure", SLOWER: "failure", FAILED: "error", MISSING: "error", UNSURE: "skipped", NEW: "skipped"}
    number = Counter(kinds.get(c.verdict, "") for c in report.found)
    counts = {"tests": len(report.found), "failures": number["failure"], "errors": number["error"]}
    attributes = {name: str(value) for name, value in (counts | {"skipped": number["skipped"]}).items()}
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(suites, "testsuite", {"name": safe.xml(report.title), "time": "0"} | attributes)
    names = varying([c.axes for c in report.found])
    for c in report.ordered:
        label = " ".join([*(f"{name}={c.axes[name]}" for name in names if name in c.axes), c.metric])
        case = ElementTree.SubElement(
            suite,
            "testcase",
            {"name": safe.xml(label), "classname": safe.xml(f"rnn_vs_attn.{c.suite}"), "time": "0"},
        )
        text = safe.xml(_sentence(c))
        if c.verdict in kinds:
            element = ElementTree.SubElement(case, kinds[c.verdict], {"type": c.verdict, "message": text})
            element.text = text
        ElementTree.SubElement(case, "system-out").text = text
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _sentence(c: Comparison) -> str:
    parts = [c.verdict, _change(c), f"baseline {_value(c.baseline, c)}" if c.baseline is not None else ""]
    parts += [f"candidate {_value(c.candidate, c)}" if c.candidate is not None else "", _decided(c), c.reason]
    return "; ".join(part for part in parts if part)


def annotation(report: Report) -> str:
    """One line that GitHub shows: an error where something is broken or slower, a warning where there is no verdict."""
    kind = {0: "notice", 1: "error", 5: "error"}.get(report.code, "warning")
    worst = [_one(c) for c in report.ordered if c.verdict in (BROKEN, SLOWER, FAILED, MISSING)][:3]
    text = report.headline + "".join(f"; {line}" for line in worst)
    return f"::{kind} title=rnn-vs-attn::{safe.annotation(text)}"


def _one(c: Comparison) -> str:
    where = " ".join(str(c.axes[name]) for name in ("model", "seq_len") if name in c.axes)
    return f"{where} {c.metric} {c.verdict} {_change(c)}".rstrip()


def publish(report: Report, markdown_file: Path | None, junit_file: Path | None, as_json: bool) -> None:
    """Verdicts to the files asked for, to GitHub where it runs there, and to the terminal or as JSON."""
    for line in distribute(report, markdown_file, junit_file):
        print(line, file=sys.stderr)  # a command to GitHub, which is meant
    if as_json:
        print_json(document(report))
        return
    print_table(table(report), Terminal())


def distribute(report: Report, markdown_file: Path | None, junit_file: Path | None) -> list[str]:
    """Write the files asked for and, under GitHub Actions, the job summary; lines for standard error."""
    if markdown_file is not None:
        write(markdown_file, markdown(report), "--markdown")
    if junit_file is not None:
        write(junit_file, junit(report), "--junit")
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        write(Path(summary), markdown(report) + "\n", "GITHUB_STEP_SUMMARY", mode="a")
    return [annotation(report)] if os.environ.get("GITHUB_ACTIONS") else []


def write(path: Path, document: str | bytes, option: str, mode: str = "w") -> None:
    """Write a file that an option names. UserError where that cannot be."""
    content = safe.encodable(document).encode() if isinstance(document, str) else document
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode + "b") as file:
            file.write(content)
    except OSError as error:
        raise UserError(f"cannot write {path} ({option}): {error.strerror}") from None

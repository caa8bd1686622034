"""The section of a run: a figure, the table under it, the method, warnings, the environment, how to repeat it."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.machine import fitness
from rnn_vs_attn.pages.entries import Entry
from rnn_vs_attn.pages.methods import BETTER, DASHED, FIRST, INTERVAL, METHODS, RANGE
from rnn_vs_attn.report.page import Illustration, Section
from rnn_vs_attn.report.plots import Figure
from rnn_vs_attn.report.tables import ALL, FAULT_WORDS, Table
from rnn_vs_attn.run import output
from rnn_vs_attn.run.stored import limits_of

_ROWS = 200  # of a table of a page
_LINES = 16  # of a figure
_FIGURES = 12  # of a run
_REMARKS = 40


def section(entry: Entry, anchor: str, heading: str) -> Section:
    """What a page says of one run."""
    found = sorted(entry.suite.view.figures(entry.run.records), key=lambda figure: figure.name != FIRST)
    figures = [illustrated(figure, entry.suite.name) for figure in found[:_FIGURES]]
    left_out = len(found) - len(figures)
    plots = f"Left out here, and in {entry.path / 'plots'}: {units.counted(left_out, 'more figure')}."
    main, whole = _tables(entry)
    parts = [
        *_part("", tables=main),
        *_part(units.counted(len(figures) - 1, "more figure"), figures=figures[1:], sentences=[plots] * (left_out > 0)),
        *_part("The whole table", tables=whole),
        *_part("What else was found", sentences=_cut_lines(entry.suite.analysis.remarks(entry.run.records))),
        *_part("Warnings", sentences=warnings(entry), heading=True),
        Section("How it was measured", METHODS[entry.suite.name]),
        Section("How to repeat it", code=repeated(entry)),
        *_part("The machine and its software", tables=[environment(entry.run.environment)]),
    ]
    return Section(heading, [_when(entry)], figures=figures[:1], parts=parts, anchor=anchor)


def _part(name: str, heading: bool = False, **content: Any) -> Iterator[Section]:
    """A part that holds something: folded under its name, or under a heading."""
    if any(content.values()):
        yield Section(name if heading else "", folded="" if heading else name, **content)


def _when(entry: Entry) -> str:
    state = "complete" if entry.run.status == "complete" else "not whole, as it was interrupted"
    when = entry.run.started[:16].replace("T", " ")
    return f"Measured on {entry.machine}, {when}, {state}; stored in {entry.path}."


def repeated(entry: Entry) -> str:
    """The command line that was typed."""
    return shlex.join(entry.run.command) or "not stored"


# Figures


def illustrated(figure: Figure, suite: str) -> Illustration:
    """A figure of a suite with what its signs mean, and its numbers."""
    shown = replace(figure, series=figure.series[:_LINES])
    return Illustration(shown, _caption(figure, suite), numbers(figure))


def _caption(figure: Figure, suite: str) -> str:
    told = list(filter(None, [BETTER.get(figure.y_label, "")]))
    if any(low is not None for series in figure.series for low in series.low):
        told.append(f"a band is {f'the {RANGE}' if RANGE in figure.title else INTERVAL}")
    if any(series.dashed for series in figure.series) and suite in DASHED:
        told.append(f"a dashed line is {DASHED[suite]}")
    if figure.marks:
        told.append("a ring is where two lines cross")
    if len(figure.series) > _LINES:
        told.append(f"the first {_LINES} of {len(figure.series)} lines; the table has all")
    text = "; ".join(told)
    return text[:1].upper() + text[1:]


def numbers(figure: Figure) -> Table:
    """A row a point."""
    rows = []
    for series in figure.series:
        for x, y, low, high in zip(series.x, series.y, series.low, series.high, strict=True):
            ends = "" if low is None or high is None else f" [{_value(figure, low)}, {_value(figure, high)}]"
            rows.append([series.label, f"{x:g}", _value(figure, y) + ends])
    return cut(Table("", ["line", figure.x_label, figure.y_label], rows, [], False, 2), "table.csv")


def _value(figure: Figure, value: float) -> str:
    return units.power_of_ten(value) if figure.log10 else units.significant(value * figure.scale, 4)


# Tables


def _tables(entry: Entry) -> tuple[list[Table], list[Table]]:
    """The main columns, or what the suite shows in their place, and then the whole tables."""
    suite, run, limits = entry.suite, entry.run, limits_of(entry.run)
    where = str(entry.path / "table.csv")
    every = [cut(table, where) for table in output.tables_of(suite, run.records, limits)]
    summary = [cut(table, where) for table in output.summary_of(suite, run.records)]
    if summary:
        return summary, every
    main = [column.title for column in suite.view.columns if not column.spare]
    shown = output.tables_of(suite, run.records, limits, columns=main or (ALL,))[:1]
    whole = [] if [table.header for table in shown] == [table.header for table in every] else every
    return [cut(table, where) for table in shown], whole


def cut(table: Table, where: str) -> Table:
    """As many rows as a page holds, with a word where the others are."""
    more = len(table.rows) - _ROWS
    if more <= 0:
        return table
    note = f"{units.counted(more, 'more row')} of {len(table.rows)} are left out here; {where} has all"
    return replace(table, rows=table.rows[:_ROWS], notes=[note, *table.notes[:_REMARKS]])


def _cut_lines(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _REMARKS
    return [*lines[:_REMARKS], *([f"{more} more of these are in table.md."] if more > 0 else [])]


def environment(facts: Mapping[str, Any]) -> Table:
    """All that is known of the machine, a row a fact."""
    told = {name: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for name, v in facts.items()}
    rows = [[name, text] for name, text in told.items() if text not in ("null", "[]", "{}", "")]
    return Table("", ["fact", "value"], rows, [], grouped=False, prose=("value",))


# Warnings


def warnings(entry: Entry) -> list[str]:
    """What a reader of any of its numbers must know: what has none, what was left out, what spoils the machine."""
    suite, run = entry.suite, entry.run
    found = [] if run.status == "complete" else ["The run was interrupted: what was not measured is missing."]
    found += [_sentence(line) for line in output.cautions(suite, run)]
    found += _faults(entry)
    return [*found, *_of_machine(entry)] if suite.timed else found


def _of_machine(entry: Entry) -> list[str]:
    """What spoilt times on the machine, as far as the run knows; its accelerators say so on the records."""
    facts = entry.run.environment | {"gpus": []}
    if not isinstance(facts.get("usable_cores"), int) or "system" not in facts:
        return []
    threads = [record.axes.get("threads") for record in entry.run.records]
    most = max((number for number in threads if isinstance(number, int)), default=1)
    return [_sentence(found.text) for found in fitness.findings(facts, most) if found.severity > 1]


def _faults(entry: Entry) -> list[str]:
    """How many cases of each model have no number, and why."""
    cases = {tuple(sorted(r.axes.items(), key=str)): r for r in entry.run.records if r.status != "ok"}
    reasons = Counter((str(r.axes.get("model", "")), r.status) for r in cases.values())
    return [
        f"{model or 'The machine'}: {units.counted(number, 'value')} missing, {FAULT_WORDS.get(status, status)}."
        for (model, status), number in reasons.items()
    ]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."

"""What a run shows on the terminal, prints as JSON and writes beside its records: what was found, tables, plots."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.table import Table as RichTable

from rnn_vs_attn import units
from rnn_vs_attn.errors import UserError
from rnn_vs_attn.limits import LOOKS, Limits
from rnn_vs_attn.machine import environment, fitness
from rnn_vs_attn.records.folder import RunFolder
from rnn_vs_attn.records.states import TABLE
from rnn_vs_attn.records.types import Record, Run
from rnn_vs_attn.report import layout, plots, tables
from rnn_vs_attn.report.spreadsheet import to_csv
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.report.terminal import Terminal, print_table
from rnn_vs_attn.run.planned import Planned
from rnn_vs_attn.run.schedule import said_of_left_out
from rnn_vs_attn.suites.case import Case, axes_of, untaken
from rnn_vs_attn.suites.suite import Suite
from rnn_vs_attn.text import safe
from rnn_vs_attn.text.streams import say

_WIDTH = 100  # characters of a line of a chart of letters at most, and of tables in a pipe where they can be shorter
_SENTENCES = 8  # of what was found, that are shown at once

# While it runs


def announce(planned: Planned, path: Path, head: Run, err: Terminal, machine: bool = True) -> None:
    """What is about to be measured, for how long, and, where `machine` says so, what the machine has against it."""
    suite, cases, limits = planned.suite, planned.cases, planned.limits
    devices = ", ".join(sorted({case.device for case in cases}))
    rounds = limits.rounds or f"{LOOKS[0]} to {LOOKS[-1]}"
    bound = f"at most about {units.duration(limits.max_seconds)}"
    counted = sum(map(suite.only_counts, cases))
    what = units.counted(len(cases) - counted, "case")
    what += f" and {units.counted(counted, 'count')}" * bool(counted)
    text = f"{suite.name}: {what} on {devices}, {rounds} round{'s' * (rounds != 1)}, {bound}"
    err.print(f"{text}; into {path}", soft_wrap=True)
    if planned.lanes is not None:
        err.print(said_of_trainings(planned), soft_wrap=True)
    if not machine:
        return
    found = fitness.findings(head.environment, max(case.threads for case in cases))
    for line in environment.said_of_quota(head.environment):
        err.print(f"note: {line}", soft_wrap=True)
    if found and suite.timed:
        err.print(f"note: {found[0].text}; {found[0].remedy}", soft_wrap=True)


def said_of_trainings(planned: Planned) -> str:
    """How many steps each of them has, how many go on at the same time, and about how long all of them take."""
    assert planned.lanes is not None
    together = f"{planned.lanes.number} at a time" if planned.lanes.number > 1 else "one after the other"
    about = "" if not planned.seconds else f", about {units.duration(planned.seconds)} in all"
    longer = planned.seconds is not None and planned.seconds > planned.limits.max_seconds
    ends = f"; --max-seconds {planned.limits.to_ask(planned.seconds or 0.0)} has all of it" if longer else ""
    return f"{_each(planned.cases)}, {together}{about}{ends}"


def _each(cases: Sequence[Case]) -> str:
    """How long each training is."""
    axes = [axes_of(case) for case in cases]
    steps = sorted({int(each["steps"] or 0) for each in axes})
    if len(steps) == 1:
        return f"{steps[0]} steps each"
    return f"{axes[0]['seconds_per_model']} s each, which is {steps[0]} to {steps[-1]} steps"


def first_table(
    suite: Suite, limits: Limits, err: Terminal, wanted: bool, columns: Sequence[str] = ()
) -> Callable[[Sequence[Record]], None]:
    """Shows all cases after the first round, on standard error, where later rounds will sharpen them."""

    def show(records: Sequence[Record]) -> None:
        if wanted and suite.timed and limits.rounds != 1:
            err.print("First table, after one round; no intervals yet:")
            print_tables(suite, records, limits, err, columns)

    return show


# Tables and words


def print_tables(
    suite: Suite, records: Sequence[Record], limits: Limits, out: Terminal, columns: Sequence[str] = ()
) -> None:
    """The tables that answer; the one of all cases where it is one of them or columns of it were asked for."""
    width = out.width if out.is_terminal else _WIDTH
    for table in answers(suite, records, limits, width, columns):
        print_table(table, out)


def answers(
    suite: Suite,
    records: Sequence[Record],
    limits: Limits,
    width: float = math.inf,
    columns: Sequence[str] = (),
) -> list[Table]:
    """The tables that a reader is shown: those that stand in place of the one of all cases, or that one."""
    shown = summary_of(suite, records)
    if tables.ALL not in columns:
        shown = [table.main for table in shown]
    return [*shown, *tables_of(suite, records, limits, width, columns)] if columns or not shown else shown


def main_tables(suite: Suite, records: Sequence[Record]) -> list[Table]:
    """The same for a paper, without a word on other columns."""
    main = [column.title for column in suite.view.columns if not column.spare]
    shown = [table.main for table in summary_of(suite, records)]
    shown = [replace(table, notes=[n for n in table.notes if "--columns" not in n]) for table in shown]
    return [t for t in shown or tables_of(suite, records, Limits(), columns=main) if t.rows]


def tables_of(
    suite: Suite,
    records: Sequence[Record],
    limits: Limits,
    width: float = math.inf,
    columns: Sequence[str] = (tables.ALL,),
) -> list[Table]:
    """The suite's table with a row a case, and its tables with a column a case; shorter where width is too little."""
    case_axes = _axes_of(suite)
    shown = [*records, *suite.analysis.expand(records)]
    heads = {"row_axes": suite.axes.row, "implied": (*suite.axes.implied, *untaken(records))}
    found = [tables.build(shown, case_axes, suite.view.columns, limits.precision, columns, **heads)]
    for pivot in suite.view.pivots:
        whole = tables.build_pivot(shown, case_axes, pivot)
        if whole.rows:
            fits = layout.width_of(whole) <= width
            found.append(whole if fits else tables.build_pivot(shown, case_axes, pivot, narrow=True))
    return found


def summary_of(suite: Suite, records: Sequence[Record]) -> list[Table]:
    """The tables that a suite shows in place of the one of all cases."""
    return suite.view.summary(records) if suite.view.summary is not None else []


def remarks(suite: Suite, run: Run) -> list[str]:
    """What a run's table.md says in words beside what was found."""
    return [*suite.analysis.remarks(run.records), *cautions(suite, run)]


def cautions(suite: Suite, run: Run) -> list[str]:
    """What a reader of any of a run's numbers must know."""
    return [*environment.said_of_quota(run.environment), *_said_of_left_out(suite, run.records)]


def found(suite: Suite, run: Run) -> list[str]:
    """What was found, a sentence a claim, the most important first."""
    return [claim.sentence for claim in suite.analysis.claims([*run.records, *suite.analysis.expand(run.records)])]


def _said_of_left_out(suite: Suite, records: Sequence[Record]) -> list[str]:
    """Which cases there was no time for."""
    found = [record for record in records if "needed_seconds" in record.details]
    if not found:
        return []
    needed = max(int(record.details["needed_seconds"]) for record in found)
    return [said_of_left_out(_cases_of(suite, found), needed, _cases_of(suite, records))]


def _cases_of(suite: Suite, records: Sequence[Record]) -> list[Case]:
    """The cases that records are of, each once."""
    names = _axes_of(suite)
    of_cases = (record.axes for record in records if set(names) <= record.axes.keys())
    given = dict.fromkeys(tuple(axes[name] for name in names) for axes in of_cases)
    fields: list[dict[str, Any]] = [dict(zip(names, values, strict=True)) for values in given]
    return [suite.axes.case(**each) for each in fields]


def _axes_of(suite: Suite) -> list[str]:
    return [field.name for field in dataclasses.fields(suite.axes.case)]


# When it has ended


def write(suite: Suite, run: Run, folder: RunFolder, limits: Limits) -> None:
    """Tables and plots into the run's folder."""
    shown = [*run.records, *suite.analysis.expand(run.records)]
    folder.write("table.csv", to_csv(shown, _axes_of(suite)))
    answers, words = (_listed(lines) for lines in (found(suite, run), remarks(suite, run)))
    every = [table.markdown() for table in tables_of(suite, run.records, limits)]
    summary = [table.markdown() for table in summary_of(suite, run.records)]
    parts = [answers, *summary, words, *every] if summary else [answers, *every, words]
    try:
        plots.save(suite.view.figures(run.records), folder.path / "plots")
    except ImportError as error:
        say(f"note: no plots: {error}; pip install matplotlib")
    except OSError as error:
        raise UserError(f"cannot write {folder.path / 'plots'}: {error.strerror}; the records are kept") from None
    finally:  # last, as the sign that nothing is missing
        folder.write(TABLE, "\n".join(filter(None, parts)))


def _listed(lines: Sequence[str]) -> str:
    """Lines as a list in Markdown."""
    return "".join(f"- {safe.markdown(line)}\n" for line in lines)


def document(suite: Suite, run: Run, path: Path) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "run": {k: v for k, v in dataclasses.asdict(run).items() if k != "records"},
        "folder": str(path),
        "records": [dataclasses.asdict(record) for record in run.records],
        "derived": [dataclasses.asdict(record) for record in suite.analysis.expand(run.records)],
        "found": found(suite, run),
        "remarks": remarks(suite, run),
    }


def show(suite: Suite, run: Run, limits: Limits, columns: Sequence[str] = ()) -> None:
    """What was found, tables, and on a terminal a chart, on standard output."""
    out = Terminal()
    _print_lines(_first(found(suite, run)), out)
    print_tables(suite, run.records, limits, out, columns)
    chart = suite.view.chart(run.records) if out.is_terminal else None
    if chart is not None:
        for line in plots.as_text(chart, min(out.width, _WIDTH)):
            out.print(line)
    _print_lines(cautions(suite, run), out)


def _first(sentences: Sequence[str]) -> list[str]:
    """As many as are read at once, and where the others are."""
    more = len(sentences) - _SENTENCES
    return [*sentences[:_SENTENCES], *([f"table.md has {more} more of these."] if more > 0 else [])]


def _print_lines(lines: Sequence[str], out: Terminal) -> None:
    """A list, with a line below it; a pipe takes it as Markdown."""
    if not out.is_terminal:
        out.file.write(_listed(lines) + "\n" * bool(lines))
        return
    shown = RichTable.grid(padding=(0, 1, 0, 0))
    for line in lines:
        shown.add_row("-", out.render_str(line))
    if lines:
        out.print(shown)
        out.print()

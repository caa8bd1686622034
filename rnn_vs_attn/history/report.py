"""A history as its table, as Markdown, as one JSON document and on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from rnn_vs_attn import units
from rnn_vs_attn.compare.report import fixed, varying
from rnn_vs_attn.compare.sentences import percent
from rnn_vs_attn.compare.verdicts import PEAK_RESOLUTION
from rnn_vs_attn.history import charts
from rnn_vs_attn.history.runs import History
from rnn_vs_attn.history.series import ALPHA, Change, Series, in_order_of_weight, written
from rnn_vs_attn.history.summary import sentences, visible
from rnn_vs_attn.report.page import Page, Section
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.report.terminal import Terminal, print_table
from rnn_vs_attn.report.timeline_text import as_text
from rnn_vs_attn.stats import change_points
from rnn_vs_attn.text import safe

_CASE = "metric of a case"
_ROWS, _CHARTS = 12, 2  # on a terminal, at most


def title(history: History) -> str:
    first, last = history.entries[0], history.entries[-1]
    return (
        f"{history.suite}, {units.counted(len(history.entries), 'run')}, {history.when(first)} to {history.when(last)}"
    )


def method(history: History, found: Sequence[Series], margin: float) -> list[str]:
    """How marks came about."""
    tests = sum(series.judged for series in found if not series.calibration)
    return [
        f"a level is marked as changed where it moved by {percent(margin)} or more, with {change_points.LEAST} runs or "
        "more on each side: ruptures proposes places, and a rank test of the best place of a series decides, corrected "
        f"over {units.counted(tests, 'noisy metric')} of cases so that of the marks {percent(ALPHA)} are wrong; of an "
        "exact metric any change is marked, and of a peak of CPU memory one of "
        f"{units.of_unit(PEAK_RESOLUTION, 'B')} or more",
        "intervals of changes are at 95%, as if their places had been known; a machine that wanders is marked as code "
        "that changed is",
    ]


# Table


def table(history: History, found: Sequence[Series]) -> Table:
    """A row a series: its axes, its first and last median, and where its level changed."""
    names = varying([series.first.axes for series in found if not series.calibration])
    named = [[*(_axis(series.first.axes.get(name)) for name in names), series.meaning.name] for series in found]
    return _table(history, found, [*names, "metric"], named)


def short_table(history: History, found: Sequence[Series], every: Sequence[Series]) -> Table:
    """The same of some of them, each called as a person would call it, for lines that are short."""
    rows = [series.row for series in every]
    return _table(history, found, [_CASE], [[charts.named(series, rows)] for series in found])


def _table(history: History, found: Sequence[Series], titles: list[str], named: list[list[str]]) -> Table:
    machines = len({series.machine for series in found}) > 1
    rows = [
        [
            *cells,
            *([str(series.machine + 1)] if machines else []),
            str(len(series.points)),
            *(written(p.record.median or 0.0, series.meaning.unit) for p in (series.points[0], series.points[-1])),
            "; ".join(_written(change, history) for change in series.changes) or "–",
        ]
        for series, cells in zip(found, named, strict=True)
    ]
    header = [*titles, *(["machine"] if machines else []), "runs", "first", "last", "changes"]
    return Table("", header, rows, [], grouped=False, heads=len(titles), prose=(_CASE, "changes"))


def _axis(value: Any) -> str:
    return "–" if value is None else str(value)


def _written(change: Change, history: History) -> str:
    """`+8.2% 2026-11-03 abc1234`."""
    entry = history.entries[change.at]
    return " ".join(filter(None, [charts.by_how_much(change), history.when(entry), entry.commit]))


# Where it goes


def markdown(history: History, found: Sequence[Series], margin: float) -> str:
    """The answer, the whole table, and how it came about."""
    first, *rest = map(safe.markdown, sentences(history, found))
    rows = in_order_of_weight(found)
    notes = [*history.notes, *method(history, found, margin), *fixed([s.first.axes for s in rows if not s.calibration])]
    blocks = [
        " ".join([f"**{first}**", *rest]),
        safe.markdown(title(history)),
        table(history, rows).markdown().strip("\n"),
    ]
    return "\n\n".join([*blocks, "\n".join(f"- {safe.markdown(note)}" for note in notes)]) + "\n"


def show(history: History, found: Sequence[Series], margin: float, out: Terminal) -> None:
    """The worst on a terminal, with a count of what is left out; all of it as Markdown elsewhere."""
    if not out.is_terminal:
        out.file.write(markdown(history, found, margin))
        return
    first, *rest = sentences(history, found)
    out.print(Text(out.safe(first), style="bold"))
    for line in [*rest, title(history)]:
        out.print(line, soft_wrap=True)
    ordered = in_order_of_weight(found)
    print_table(short_table(history, ordered[:_ROWS], ordered), out)
    if len(ordered) > _ROWS:
        out.print(f"and {len(ordered) - _ROWS} more rows, with --markdown FILE or | cat")
    for chart, _ in charts.of(history, ordered)[:_CHARTS]:
        out.print()
        for line in as_text(chart, min(out.width, 100)):
            out.print(line, no_wrap=True, crop=True)
    for note in history.notes:
        out.print(f"note: {note}", soft_wrap=True)


def document(history: History, found: Sequence[Series], margin: float) -> dict[str, Any]:
    """What `--json` prints."""
    entries = [
        {
            "run": entry.name,
            "moment": entry.moment.isoformat(),
            "started": entry.run.started,
            "commit": entry.run.environment.get("git_commit"),
            "machine": entry.machine + 1,
        }
        for entry in history.entries
    ]
    tests = sum(series.judged for series in found if not series.calibration)
    return {
        "title": title(history),
        "summary": sentences(history, found),
        "suite": history.suite,
        "by": history.by,
        "margin": margin,
        "runs": entries,
        "series": [_series(series, tests) for series in in_order_of_weight(found)],
        "notes": [*history.notes, *method(history, found, margin)],
    }


def _series(series: Series, tests: int) -> dict[str, Any]:
    meaning = series.meaning
    return {
        "axes": series.first.axes,
        "metric": meaning.name,
        "unit": meaning.unit,
        "better": meaning.better,
        "exact": meaning.exact,
        "scale": meaning.scale,
        "machine": series.machine + 1,
        "calibration": series.calibration,
        "judged": series.judged,
        "q": series.q,
        "visible": visible(series, tests) if series.judged and not series.calibration else None,
        "points": [
            {"run": p.at, "median": p.record.median, "low": p.record.low, "high": p.record.high} for p in series.points
        ],
        "changes": [
            {"run": c.at, "before": c.before, "after": c.after, "verdict": c.comparison.verdict}
            | {name: getattr(c.comparison, name) for name in ("baseline", "candidate", "centre", "low", "high")}
            for c in series.changes
        ],
    }


def page(history: History, found: Sequence[Series], margin: float) -> Page:
    """The answer, the figures of what changed, and folded those of what did not."""
    ordered = in_order_of_weight(found)
    changed = charts.illustrated(history, [s for s in charts.whole(ordered) if charts.has_changes(s)])
    others = charts.illustrated(history, [s for s in charts.whole(ordered) if not charts.has_changes(s)])
    sections = [Section("Every series", tables=[table(history, ordered)])]
    if others:
        text = f"{units.counted(len(others), 'figure')} without a change"
        sections.append(Section("No level changed", figures=others, folded=text if changed else ""))
    if changed:
        sections.insert(0, Section("Levels that changed", figures=changed))
    notes = [
        *history.notes,
        *method(history, found, margin),
        *fixed([s.first.axes for s in ordered if not s.calibration]),
    ]
    return Page(f"rnn-vs-attn history: {title(history)}", sentences(history, found), sections, notes)

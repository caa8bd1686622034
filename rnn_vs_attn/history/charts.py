"""Series to figures over time: those of one metric of one case, of all machines, are one figure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.compare.sentences import place, said_change
from rnn_vs_attn.compare.verdicts import SLOWER, Comparison
from rnn_vs_attn.history.runs import COMMIT, Entry, History
from rnn_vs_attn.history.series import Change, Series, written
from rnn_vs_attn.report.page import Illustration
from rnn_vs_attn.report.tables import Table
from rnn_vs_attn.report.timeline import Dot, Flag, Line, Stretch, Timeline

_TICKS = 4


def whole(found: Sequence[Series]) -> list[list[Series]]:
    """What belongs into one figure together, in the order of the first of each."""
    groups: dict[Any, list[Series]] = {}
    for series in found:
        groups.setdefault((series.first.key, series.meaning), []).append(series)
    return [sorted(group, key=lambda series: series.machine) for group in groups.values()]


def has_changes(group: Sequence[Series]) -> bool:
    return any(series.changes for series in group)


def of(history: History, found: Sequence[Series]) -> list[tuple[Timeline, list[Series]]]:
    """A figure of each metric of a case that changed, or of the first one where none did."""
    groups = whole(found)
    shown = [group for group in groups if has_changes(group)] or groups[:1]
    every = [series.row for series in found]
    return [(_chart(history, group, every), group) for group in shown]


def every(history: History, found: Sequence[Series]) -> list[Timeline]:
    """A figure of each metric of a case."""
    rows = [series.row for series in found]
    return [_chart(history, group, rows) for group in whole(found)]


def illustrated(history: History, groups: Sequence[Sequence[Series]]) -> list[Illustration]:
    """Figures with what they show in words and in numbers."""
    every = [series.row for group in groups for series in group]
    made = [(_chart(history, group, every), group) for group in groups]
    return [Illustration(chart, chart.text, _numbers(history, group)) for chart, group in made]


def _chart(history: History, group: Sequence[Series], every: Sequence[Comparison]) -> Timeline:
    xs, at = _places(history), {point.at for series in group for point in series.points}
    first = group[0]
    lines = [Line(f"machine {s.machine + 1}", [_dot(history, xs, s, i) for i in range(len(s.points))]) for s in group]
    stretches = [
        Stretch(xs[part[0].at], xs[part[-1].at], median(p.record.median or 0.0 for p in part))
        for series in group
        for part in series.stretches()
        if len(part) > 1
    ]
    flags = [
        Flag(xs[c.at], _flag(c), "worse" if c.comparison.verdict == SLOWER else "better")
        for series in group
        for c in series.changes
    ]
    flags += [Flag(xs[n], "other machine", "machine") for n in history.breaks if n in at]
    name = named(first, every)
    return Timeline(
        name, _text(history, group), history.by, first.meaning.unit, lines, stretches, flags, _ticks(history, xs)
    )


def named(series: Series, every: Sequence[Comparison]) -> str:
    """`lstm, forward at 512 tokens`, and what of it where that is no time of a pass."""
    where = place(series.row, every)
    metric = series.meaning.name.replace("_", " ")
    return where if "," in where and metric.endswith(" time") else f"{where}: {metric}"


def by_how_much(change: Change) -> str:
    """`+8.2%`, or the difference of what is no ratio."""
    c = change.comparison
    if c.centre is None:
        return f"{written(c.baseline or 0.0, c.unit)} to {written(c.candidate or 0.0, c.unit)}"
    if c.scale != "ratio":
        return f"{c.centre:+.3g}"
    return f"{'+' if c.centre > 1 else ''}{units.percent(c.centre - 1)}" if c.centre < 10 else f"×{c.centre:.3g}"


def _flag(change: Change) -> str:
    """The same of a time in words."""
    c = change.comparison
    return said_change(c).partition(" (")[0] if c.unit == "s" else by_how_much(change)


def _dot(history: History, xs: Sequence[float], series: Series, number: int) -> Dot:
    point = series.points[number]
    record = point.record
    label = f"{history.since(history.entries[point.at])}: {written(record.median or 0.0, record.unit)}"
    return Dot(xs[point.at], record.median or 0.0, record.low, record.high, label)


def _places(history: History) -> list[float]:
    """Where each run stands: by its date in seconds, or by its commit, one place a commit."""
    if history.by != COMMIT:
        return [entry.moment.timestamp() for entry in history.entries]
    names = [str(entry.run.environment["git_commit"]) for entry in history.entries]
    order = list(dict.fromkeys(names))
    return [float(order.index(name)) for name in names]


def _ticks(history: History, xs: Sequence[float]) -> list[tuple[float, str]]:
    """A few of the runs, as evenly apart as they stand, with what their places are called."""
    low, high = min(xs), max(xs)
    wanted = [low + (high - low) * i / (_TICKS - 1) for i in range(_TICKS)]
    nearest = sorted({min(range(len(xs)), key=lambda i: abs(xs[i] - place)) for place in wanted})
    named = [(xs[i], _called(history, history.entries[i])) for i in nearest]
    gap, kept = (high - low) / (_TICKS + 1), named[:1]
    for x, label in named[1:]:
        if x - kept[-1][0] >= gap and (label != kept[-1][1]):
            kept.append((x, label))
    return kept


def _called(history: History, entry: Entry) -> str:
    return entry.commit if history.by == COMMIT else history.when(entry)


def _text(history: History, group: Sequence[Series]) -> str:
    """What a figure shows, in a sentence."""
    parts = []
    for series in group:
        ends = [written(p.record.median or 0.0, series.meaning.unit) for p in (series.points[0], series.points[-1])]
        where = f" on machine {series.machine + 1}" if len({e.machine for e in history.entries}) > 1 else ""
        told = [f"{said_change(c.comparison)} since {history.since(history.entries[c.at])}" for c in series.changes]
        changed = ", then ".join(told) or "no change is marked"
        parts.append(f"{units.counted(len(series.points), 'run')}{where}, from {' to '.join(ends)}: {changed}")
    return "; ".join(parts) + "."


def _numbers(history: History, group: Sequence[Series]) -> Table:
    header = ["run", "date", "commit", "machine", "median", "low", "high"]
    rows = []
    for series in group:
        for point in series.points:
            entry, record = history.entries[point.at], point.record
            ends = (record.median, record.low, record.high)
            numbers = ["–" if value is None else written(value, record.unit) for value in ends]
            rows.append([entry.name, history.when(entry), entry.commit or "–", str(entry.machine + 1), *numbers])
    return Table("", header, rows, [], grouped=False)

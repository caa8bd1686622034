"""Records to a table: one row a case, for a terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from rnn_vs_attn import units
from rnn_vs_attn.errors import unknown
from rnn_vs_attn.records.query import Group
from rnn_vs_attn.records.types import LAUNCH_BOUND, Axes, AxisValue, Record
from rnn_vs_attn.stats.intervals import LEVEL, MIN_ROUNDS
from rnn_vs_attn.text import safe

LAUNCH_MARK = "^"
LAUNCHES = (
    f"{LAUNCH_MARK} launch-bound: the host could not launch the kernels as fast as the GPU ran them; "
    "--cuda-graphs of bench removes that"
)
ALL = "all"  # in place of names of columns
FAULT_WORDS = {"out_of_memory": "out of memory"}


@dataclass(frozen=True)
class Column:
    """One column: the metric (with the axes that its measurement added) and how its median is written."""

    title: str
    metric: str
    format: Callable[[float], str]
    axes: Axes = field(default_factory=dict)
    interval: str = ""  # "percent": ± half of the interval; "ends": both ends; "": none
    precise: bool = False  # marked where wider than the precision asked for
    spare: bool = False  # shown where it is asked for; table.md and table.csv have it always
    cell: Callable[[Record], str] | None = None  # writes the whole cell, in place of format and interval
    pass_axes: Axes | None = None  # of the sample that says whether launches bound it, which is marked


@dataclass(frozen=True)
class Pivot:
    """A table of one metric: a row for each value of an axis that the measurement adds, a column for each case."""

    title: str
    metric: str
    axis: str
    cell: Callable[[Record, bool], str]  # the record, and whether there is little room
    note: str = ""


@dataclass(frozen=True)
class Row:
    """A case: its axes, and its records by (metric, added axes)."""

    axes: dict[str, AxisValue]
    records: dict[tuple[str, Group], Record]

    def record(self, metric: str, axes: Axes) -> Record | None:
        return self.records.get((metric, tuple(sorted(axes.items()))))

    def owes(self, metric: str) -> bool:
        """Whether the case has this metric, or a reason why not."""
        return any(name == metric for name, _ in self.records)

    @property
    def fault(self) -> Record | None:
        return next((record for record in self.records.values() if record.status != "ok"), None)


@dataclass(frozen=True)
class Table:
    """Text of all cells, with what the reader must know below them."""

    caption: str
    header: list[str]
    rows: list[list[str]]
    notes: list[str]
    grouped: bool = True  # a line between rows whose second cells differ
    heads: int = 1  # how many of the first columns say which row it is
    prose: tuple[str, ...] = ()  # titles of columns that hold sentences, which may be broken between words
    spare: tuple[str, ...] = ()  # titles of columns that are shown where all are asked for

    @property
    def main(self) -> Table:
        """The table without its spare columns, which a note names."""
        kept = [i for i, title in enumerate(self.header) if title not in self.spare]
        header, *rows = ([line[i] for i in kept] for line in (self.header, *self.rows))
        notes = [*self.notes, *([_left_out(self.spare)] if self.spare else [])]
        return replace(self, header=header, rows=rows, notes=notes, heads=sum(i < self.heads for i in kept), spare=())

    @property
    def columns(self) -> list[tuple[str, ...]]:
        """Each column from its title downwards."""
        return list(zip(self.header, *self.rows, strict=True))

    def markdown(self) -> str:
        """A GitHub-style table with its caption above and its notes below."""
        lines = [safe.markdown(self.caption), ""]
        if self.rows:
            lines += [_pipes(self.header), "| --- " * len(self.header) + "|", *(_pipes(row) for row in self.rows)]
        return "\n".join([*lines, "", *(f"- {safe.markdown(note)}" for note in self.notes)]).rstrip() + "\n"


def rows_of(records: Iterable[Record], case_axes: Sequence[str]) -> list[Row]:
    """Records grouped by case, ordered by the axes that vary, seq_len first and model last."""
    grouped: dict[tuple[AxisValue, ...], Row] = {}
    for record in records:
        if not set(case_axes) <= record.axes.keys():
            continue
        axes = {name: record.axes[name] for name in case_axes}
        row = grouped.setdefault(tuple(axes.values()), Row(axes, {}))
        added = tuple(sorted((k, v) for k, v in record.axes.items() if k not in axes))
        row.records[(record.metric, added)] = record
    order = [*(name for name in case_axes if name not in ("model", "seq_len")), "seq_len", "model"]
    seen = {name: list(dict.fromkeys(row.axes[name] for row in grouped.values())) for name in order}
    return sorted(grouped.values(), key=lambda row: [_sortable(row.axes[name], seen[name]) for name in order])


def _sortable(value: AxisValue, seen: list[AxisValue]) -> float:
    """Numbers in their order, words in that of their first appearance."""
    return float(value) if isinstance(value, int | float) else float(seen.index(value))


def build(
    records: Sequence[Record],
    case_axes: Sequence[str],
    columns: Sequence[Column],
    precision: float | None,
    wanted: Sequence[str] = (ALL,),
    row_axes: Sequence[str] = ("model", "seq_len"),
    implied: Sequence[str] = (),
) -> Table:
    """The table of one run; `precision` marks intervals that are wider.

    wanted: which columns, as `chosen` takes them; row_axes: what heads every row, before other axes that vary;
    implied: axes that follow from others.
    """
    rows = rows_of(records, case_axes)
    told = [n for n in case_axes if n not in implied]
    varying = [n for n in told if n in row_axes or len({row.axes[n] for row in rows}) > 1]
    varying.sort(key=lambda name: row_axes.index(name) if name in row_axes else len(row_axes))
    owed = [c for c in columns if any(row.owes(c.metric) for row in rows)]
    shown = chosen(owed, wanted, columns)
    notes = _Notes()
    cells = [
        ["–" if row.axes[name] is None else str(row.axes[name]) for name in varying]
        + [_cell(row, column, precision, notes) for column in shown]
        for row in rows
    ]
    for row, cell in zip(rows, cells, strict=True):
        cell[0] += notes.marks(row)
    fixed = {name: rows[0].axes[name] for name in told if name not in varying} if rows else {}
    caption = ", ".join(f"{name} {value}" for name, value in fixed.items() if value is not None)
    notes.left_out([c.title for c in owed if c not in shown] if not wanted else [])
    return Table(caption, varying + [c.title for c in shown], cells, notes.lines, heads=len(varying))


def chosen(columns: Sequence[Column], wanted: Sequence[str], known: Sequence[Column] | None = None) -> list[Column]:
    """The columns that are shown: without `wanted` those that are not spare, of (ALL,) all, else those named.

    A name is a column's title or its metric. known: those that may be named, where `columns` are some of them.
    UserError for a name that none of them has.
    """
    if not wanted:
        return [column for column in columns if not column.spare]
    if ALL in wanted:
        return list(columns)
    names = _whole(wanted, known or columns)
    for name in names:
        if not any(_is_named(column, name) for column in known or columns):
            raise unknown("column", name, [ALL, *(column.title for column in known or columns)])
    return [column for name in dict.fromkeys(names) for column in columns if _is_named(column, name)]


def _whole(words: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """The names among words between commas, of which a title may have some itself: "reach, tokens"."""
    found, begun = list[str](), 0
    while begun < len(words):
        joined = {end: ", ".join(words[begun:end]) for end in range(len(words), begun, -1)}
        ends = (end for end, name in joined.items() if any(_is_named(column, name) for column in columns))
        end = next(ends, begun + 1)
        found.append(joined[end])
        begun = end
    return found


def _is_named(column: Column, name: str) -> bool:
    """By its title, with or without the unit behind a comma, or by its metric."""
    title = column.title.casefold()
    return name.casefold() in (title, title.partition(",")[0], column.metric)


def build_pivot(records: Sequence[Record], case_axes: Sequence[str], pivot: Pivot, narrow: bool = False) -> Table:
    """One metric over one added axis, 0 upwards and then what is below it; cases side by side."""
    rows = [row for row in rows_of(records, case_axes) if row.owes(pivot.metric)]
    varying = [n for n in case_axes if n != "model" and len({row.axes[n] for row in rows}) > 1]
    labels = [
        " ".join([str(row.axes["model"]), *(f"{n} {row.axes[n]}" for n in varying if row.axes[n] is not None)])
        for row in rows
    ]
    values = {r.axes[pivot.axis] for r in records if r.metric == pivot.metric and pivot.axis in r.axes}
    ordered = sorted((float(v) for v in values if isinstance(v, int | float)), key=lambda v: (v < 0, abs(v)))
    cells = [
        [f"{value:g}", *(_pivot_cell(row, pivot, value, narrow) for row in rows)]
        for value in ordered
        if any(row.record(pivot.metric, {pivot.axis: value}) for row in rows)
    ]
    note = "without intervals, for want of room; table.md has them" if narrow else pivot.note
    notes = [note] if note and cells else []
    return Table(pivot.title, [pivot.axis, *labels], cells, notes, grouped=False)


def _pivot_cell(row: Row, pivot: Pivot, value: float, narrow: bool) -> str:
    record = row.record(pivot.metric, {pivot.axis: value})
    if record is not None and record.shows:
        return pivot.cell(record, narrow)
    if record is not None and record.status == "ok":
        return "absent"  # asked, and not known
    fault = row.fault
    return FAULT_WORDS.get(fault.status, fault.status) if fault else "–"


def _left_out(titles: Sequence[str]) -> str:
    return f"more columns (--columns all): {', '.join(titles)}"


class _Notes:
    """Footnotes, each written once and referred to by number."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        if text not in self._numbers:
            self._numbers[text] = len(self._numbers) + 1
            self.lines.append(f"[{self._numbers[text]}] {text}")
        return self._numbers[text]

    def marks(self, row: Row) -> str:
        texts = list(dict.fromkeys(w for record in row.records.values() for w in record.warnings))
        if row.fault is not None:
            texts.append(f"{row.fault.status}: {row.fault.error}")
        return "".join(f" [{self.number(text)}]" for text in texts)

    def _on_top(self, text: str) -> None:
        if text not in self.lines:
            self.lines.insert(0, text)

    def plus_minus(self) -> None:
        self._on_top(f"± is half of the {LEVEL:.0%} interval of the median of rounds, as a part of that median")

    def no_interval(self) -> None:
        self._on_top(f"no interval where a case has fewer than {MIN_ROUNDS} rounds, nor what depends on one")

    def left_out(self, titles: Sequence[str]) -> None:
        if titles:
            self.lines.append(_left_out(titles))

    def launch_bound(self) -> str:
        self._on_top(LAUNCHES)
        return LAUNCH_MARK

    def wide(self, precision: float) -> str:
        self._on_top(f"! this interval is wider than the precision asked for, {units.percent(precision)}")
        return "!"


def _cell(row: Row, column: Column, precision: float | None, notes: _Notes) -> str:
    record = row.record(column.metric, column.axes)
    if record is not None and record.shows and column.cell is not None:
        return column.cell(record)
    if record is None or record.median is None:
        fault = record if record is not None and record.status != "ok" else row.fault
        return FAULT_WORDS.get(fault.status, fault.status) if fault else "–"
    text = column.format(record.median) + _bound(row, column, notes)
    if column.precise and record.low is None:
        notes.no_interval()
    if not column.interval or record.low is None or record.high is None:
        return text
    if column.interval == "ends":
        return f"{text} [{column.format(record.low)}, {column.format(record.high)}]"
    half_width = record.estimate.half_width if record.estimate else None
    if half_width is None:
        return text
    notes.plus_minus()
    mark = notes.wide(precision) if column.precise and precision is not None and half_width > precision else ""
    return f"{text} ±{units.percent(half_width)}{mark}"


def _bound(row: Row, column: Column, notes: _Notes) -> str:
    """The mark of a time that is that of the host's launches, or ""."""
    said = None if column.pass_axes is None else row.record(LAUNCH_BOUND, column.pass_axes)
    return notes.launch_bound() if said is not None and said.holds else ""


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(safe.markdown(cell).replace("|", "\\|") for cell in cells) + " |"

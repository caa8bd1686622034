"""Records as a CSV file: one row a case, every metric at full precision."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from rnn_vs_attn.records.query import Group
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.tables import Row, rows_of
from rnn_vs_attn.text import safe


def to_csv(records: Sequence[Record], case_axes: Sequence[str]) -> str:
    """One line a case: axes, then median, low and high of every metric at full precision, status, error, warnings."""
    rows = rows_of(records, case_axes)
    names = list(dict.fromkeys(key for row in rows for key in row.records))
    titles = [safe.spreadsheet("_".join([metric, *(str(v) for _, v in added)])) for metric, added in names]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    ends = ("", "_low", "_high")
    writer.writerow([*case_axes, *(t + end for t in titles for end in ends), "rounds", "status", "error", "warnings"])
    for row in rows:
        line = _csv_line(row, names)
        writer.writerow([safe.spreadsheet(cell) if isinstance(cell, str) else cell for cell in line])
    return out.getvalue()


def _csv_line(row: Row, names: Sequence[tuple[str, Group]]) -> list[object]:
    values: list[object] = list(row.axes.values())
    for name in names:
        record = row.records.get(name)
        values += [None, None, None] if record is None else [record.text or record.median, record.low, record.high]
    rounds = max((len(record.samples) for record in row.records.values()), default=0)
    fault = row.fault
    warnings = dict.fromkeys(w for record in row.records.values() for w in record.warnings)
    return [
        *values,
        rounds,
        fault.status if fault else "ok",
        fault.error if fault else "",
        "; ".join(warnings),
    ]

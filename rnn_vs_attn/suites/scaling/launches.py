"""What `scaling` shows of a GPU in place of threads: shares of its peak, kernels, and which times are the host's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rnn_vs_attn import units
from rnn_vs_attn.records.query import record_at
from rnn_vs_attn.records.types import LAUNCH_BOUND, Axes, Record
from rnn_vs_attn.report.curves import where_it_holds
from rnn_vs_attn.report.tables import LAUNCH_MARK, LAUNCHES, Table
from rnn_vs_attn.suites.scaling.analysis import expand
from rnn_vs_attn.suites.scaling.case import LAYER, MIXING
from rnn_vs_attn.suites.scaling.choosing import size, sort_key

_HEADS = ("model", "d_model", "seq_len")


def tables(records: Sequence[Record]) -> list[Table]:
    """Which part of the device's peak each length reaches, and its kernels; none where they were not counted."""
    found = [r for r in records if r.metric == "launches" and r.axes["part"] == LAYER and r.axes["pass"] == "train"]
    if not found:
        return []
    order, shares = sort_key(records), expand(records)
    found.sort(key=lambda r: (order(str(r.axes["model"])), size(r, "d_model"), size(r, "seq_len")))
    rows = [_row(record, records, shares) for record in found]
    header = [*_HEADS, "of peak, forward", "of peak, train", "kernels, forward", "kernels, train"]
    title = "Share of the device's peak, and kernels that a pass launches"
    notes = [LAUNCHES] if any(cell.endswith(LAUNCH_MARK) for row in rows for cell in row) else []
    return [Table(title, header, rows, notes, grouped=False, heads=3)]


def _row(record: Record, records: Sequence[Record], shares: Sequence[Record]) -> list[str]:
    """A row of a training pass and its forward pass; what is not known is a dash."""
    both = [record.axes | {"pass": name} for name in ("forward", "train")]
    peaks = [record_at(shares, "flops_fraction", axes) for axes in both]
    bound = [record_at(records, LAUNCH_BOUND, axes) for axes in both]
    kernels = [record_at(records, "launches", axes) for axes in both]
    marks = [LAUNCH_MARK if said is not None and said.holds else "" for said in bound]
    return [
        *(str(record.axes[name]) for name in _HEADS),
        *(_text(peak, units.percent) + mark for peak, mark in zip(peaks, marks, strict=True)),
        *(_text(count, lambda value: f"{value:.0f}") for count in kernels),
    ]


def _text(record: Record | None, write: Callable[[float], str]) -> str:
    return "–" if record is None or record.median is None else write(record.median)


def remarks(records: Sequence[Record]) -> Iterator[str]:
    """Which times were the host's, as then an exponent, a crossing or a speed-up over them is too."""
    found = [r for r in records if r.metric == LAUNCH_BOUND]
    several = len({r.axes["d_model"] for r in found}) > 1

    def name(axes: Axes) -> str:
        part = " between its projections" if axes["part"] == MIXING else ""
        width = f", d_model {axes['d_model']}" if several else ""
        return f"{axes['model']}{part}, {axes['pass']}{width},"

    listed = where_it_holds(sorted(found, key=lambda r: size(r, "seq_len")), name)
    if listed:
        yield f"Launch-bound, so that times and exponents over them are the host's and not the GPU's: {listed}."

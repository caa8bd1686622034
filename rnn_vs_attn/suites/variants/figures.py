"""What `variants` draws: a token's time over the attention length; times and memory over the number of parameters."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_vs_attn import units
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import AxisValue, Record
from rnn_vs_attn.report import curves
from rnn_vs_attn.report.plots import Figure, Series
from rnn_vs_attn.suites import sizes

_TIMES = ("forward_time", "train_time", "prefill_time", "step_time")


def over_length(records: Sequence[Record]) -> list[Figure]:
    """A line a method of `variants transformer-xl`."""
    lines = curves.series(measured(records, "token_time"))
    title = "Evaluation, time a token"
    return [Figure("token_time", title, "attention length (tokens)", "ms", lines, [], 1e3)] if lines else []


def over_size(records: Sequence[Record]) -> list[Figure]:
    """A line a time of `variants gpt`, and a line a pass of its memory."""
    params = sizes.num_params(records)
    times = [line for metric in _TIMES for line in _lines(measured(records, metric), params)]
    peaks = _lines(measured(records, "peak_memory"), params)
    found = [
        Figure("times", "Time by size", "parameters", "ms", times, [], 1e3),
        Figure("memory", "Memory above the weights by size", "parameters", "MiB", peaks, [], 1 / units.MIB),
    ]
    return [figure for figure in found if figure.series]


def _lines(records: Sequence[Record], params: dict[AxisValue, float]) -> list[Series]:
    """One a group of records that differ in size only; what tells the groups apart is in the label."""
    found = sizes.curves((record for record in records if record.median), params)
    return [_line(curve, records, params) for curve in found.values()]


def _line(curve: list[Record], records: Sequence[Record], params: dict[AxisValue, float]) -> Series:
    axes = curve[0].axes
    varying = [n for n in axes if n not in ("size", *sizes.IMPLIED) and len({r.axes.get(n) for r in records}) > 1]
    label = " ".join([curve[0].metric.replace("_", " "), *(f"{n} {axes[n]}" for n in varying)])
    x = [params[record.axes["size"]] for record in curve]
    medians = [record.median or 0.0 for record in curve]
    return Series(label, x, medians, [r.low for r in curve], [r.high for r in curve])

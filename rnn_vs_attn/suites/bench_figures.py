"""What `bench` draws: time over seq_len for each metric with its crossings, and memory over seq_len."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from rnn_vs_attn import units
from rnn_vs_attn.models import BASELINE
from rnn_vs_attn.plots import Figure, Mark, Series
from rnn_vs_attn.readings import Group, measured, without
from rnn_vs_attn.records import Record
from rnn_vs_attn.suites.bench_reading import Axes, seq_len_of


def figures(records: Sequence[Record]) -> list[Figure]:
    """Time over seq_len for each metric, with crossings of models and `attention`; memory over seq_len."""
    titles = {"forward_time": "Forward pass", "backward_time": "Backward pass", "train_time": "Training pass"}
    shown = [_time_figure(records, metric, title) for metric, title in titles.items()]
    shown += [_memory_figure(records, name) for name in ("forward", "train")]
    return [figure for figure in shown if figure.series]


def _time_figure(records: Sequence[Record], metric: str, title: str) -> Figure:
    times = measured(records, metric)
    marks = []
    for crossing in (r for r in records if r.metric == "crossing" and r.median is not None and r.axes["of"] == metric):
        height = _height(crossing, times)
        if crossing.median is not None and height is not None:
            label = f"{crossing.axes['model']} = {BASELINE} at {units.significant(crossing.median)}"
            marks.append(Mark(label, crossing.median, height))
    return Figure(metric, f"{title}: time over seq_len", "seq_len (tokens)", "ms", _series(times), marks, 1e3)


def _memory_figure(records: Sequence[Record], name: str) -> Figure:
    peaks = [r for r in measured(records, "peak_memory", **{"pass": name}) if r.median]
    title = f"{name.capitalize()} pass: peak memory above the start"
    return Figure(f"peak_memory_{name}", title, "seq_len (tokens)", "MiB", _series(peaks), [], 1 / units.MIB)


def _series(measured: Sequence[Record]) -> list[Series]:
    curves: dict[Group, list[Record]] = {}
    for record in measured:
        curves.setdefault(without(record.axes, "seq_len"), []).append(record)
    return [_line(_label(dict(g), curves), sorted(curve, key=seq_len_of)) for g, curve in curves.items()]


def _label(axes: Axes, curves: dict[Group, list[Record]]) -> str:
    """The model, and every axis in which the curves of this figure differ."""
    varying = [n for n in axes if n != "model" and len({dict(g)[n] for g in curves}) > 1]
    return " ".join([str(axes["model"]), *(f"{n} {axes[n]}" for n in varying)])


def _line(label: str, curve: Sequence[Record]) -> Series:
    lengths = [seq_len_of(record) for record in curve]
    medians = [record.median or 0.0 for record in curve]
    return Series(label, lengths, medians, [r.low for r in curve], [r.high for r in curve], "lstm-cell" in label)


def _height(crossing: Record, times: Sequence[Record]) -> float | None:
    """The time of `attention` at the crossing, under the same settings, interpolated in log-log."""
    settings = without(crossing.axes, "model", "of", "seq_len_from", "seq_len_to")
    curve = [r for r in times if r.axes["model"] == BASELINE and without(r.axes, "model", "seq_len") == settings]
    line = [(seq_len_of(r), r.median or 0.0) for r in sorted(curve, key=seq_len_of)]
    x = crossing.median or 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(line):
        if x0 <= x <= x1:
            share = math.log(x / x0) / math.log(x1 / x0)
            return math.exp(math.log(y0) + share * math.log(y1 / y0))
    return None

"""What `bench` draws: time over seq_len for each metric with its crossings, and memory over seq_len."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_vs_attn import units
from rnn_vs_attn.models.registry import BASELINE, PYTHON_LOOPS
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report import curves
from rnn_vs_attn.report.plots import Figure

_DASHED = [spec.name for spec in PYTHON_LOOPS]


def figures(records: Sequence[Record]) -> list[Figure]:
    """Time over seq_len for each metric, with crossings of models and `attention`; memory over seq_len."""
    titles = {"forward_time": "Forward pass", "backward_time": "Backward pass", "train_time": "Training pass"}
    shown = [_time_figure(records, metric, title) for metric, title in titles.items()]
    shown += [_memory_figure(records, name) for name in ("forward", "train")]
    return [figure for figure in shown if figure.series]


def _time_figure(records: Sequence[Record], metric: str, title: str) -> Figure:
    times = measured(records, metric)
    marks = curves.marks([r for r in records if r.axes.get("of") == metric], times, BASELINE)
    lines = curves.series(times, _DASHED)
    return Figure(metric, f"{title}: time over seq_len", "seq_len (tokens)", "ms", lines, marks, 1e3)


def _memory_figure(records: Sequence[Record], name: str) -> Figure:
    peaks = [r for r in measured(records, "peak_memory", **{"pass": name}) if r.median]
    title = f"{name.capitalize()} pass: peak memory above the start"
    return Figure(
        f"peak_memory_{name}", title, "seq_len (tokens)", "MiB", curves.series(peaks, _DASHED), [], 1 / units.MIB
    )

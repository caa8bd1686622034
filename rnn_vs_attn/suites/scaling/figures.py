"""What `scaling` draws: time over seq_len and over d_model with the fitted exponents, and the speed-up over threads."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rnn_vs_attn import units
from rnn_vs_attn.records.query import measured
from rnn_vs_attn.records.types import Record
from rnn_vs_attn.report.plots import Figure, Series
from rnn_vs_attn.suites.metrics import EXPONENT
from rnn_vs_attn.suites.scaling.case import LAYER, MIXING
from rnn_vs_attn.suites.scaling.choosing import alone, along
from rnn_vs_attn.suites.scaling.speed_ups import SPEED_UP


def figures(records: Sequence[Record]) -> list[Figure]:
    """Forward times; lines of attention between its projections are dashed."""
    shown = [
        Figure(
            f"forward_time_{axis}",
            f"Forward pass: time over {axis}",
            axis,
            "ms",
            [line for part in (LAYER, MIXING) for line in _lines(records, part, axis)],
            [],
            1e3,
        )
        for axis in ("seq_len", "d_model")
    ]
    return [figure for figure in (*shown, _speed_up(records)) if figure.series]


def _lines(records: Sequence[Record], part: str, axis: str) -> list[Series]:
    found = []
    for curve in along(alone(records, "forward_time", part), axis):
        if len(curve) > 1:
            model = str(curve[0].axes["model"])
            label = f"{model} between projections" if part == MIXING else model
            found.append(_line(f"{label}{_slope(records, curve[0], axis)}", curve, axis, part == MIXING))
    return found


def _slope(records: Sequence[Record], first: Record, axis: str) -> str:
    """The fitted exponent, as part of the label."""
    for record in (r for r in records if r.metric == EXPONENT.name and r.axes["of"] == "forward_time"):
        same = record.axes["model"] == first.axes["model"] and record.axes["part"] == first.axes["part"]
        if same and record.axes["in"] == axis and record.median is not None:
            return f", {'n' if axis == 'seq_len' else 'd'}^{units.significant(record.median)}"
    return ""


def _line(label: str, curve: Sequence[Record], axis: str, dashed: bool) -> Series:
    x = [float(r.axes[axis] or 0) for r in curve]
    y = [r.median or math.nan for r in curve]
    return Series(label, x, y, [r.low for r in curve], [r.high for r in curve], dashed)


def _speed_up(records: Sequence[Record]) -> Figure:
    """Of training, beside the line of a speed-up that is the number of threads."""
    found: dict[str, list[Record]] = {}
    for record in (r for r in records if r.metric == SPEED_UP.name and r.axes["of"] == "train_time" and r.ok):
        found.setdefault(str(record.axes["model"]), []).append(record)
    times = measured(records, "train_time", part=LAYER)
    fewest = min((float(r.axes["threads"] or 1) for r in times), default=1.0)
    series = []
    for model, curve in found.items():
        curve.sort(key=lambda r: int(r.axes["threads"] or 0))
        line = _line(model, curve, "threads", False)
        series.append(Series(model, [fewest, *line.x], [1.0, *line.y], [None, *line.low], [None, *line.high]))
    if series:
        most = max(x for line in series for x in line.x)
        series.append(
            Series("as many times as threads", [fewest, most], [1.0, most / fewest], [None] * 2, [None] * 2, True)
        )
    return Figure("speed_up", "Training pass: speed-up over threads", "threads", "times as fast", series)

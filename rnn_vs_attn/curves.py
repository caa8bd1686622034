"""Records over seq_len as curves: one a case with all else equal, where two of them cross, and as lines of a figure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from rnn_vs_attn import stats, units
from rnn_vs_attn.plots import Mark, Series
from rnn_vs_attn.readings import Group, derived, without
from rnn_vs_attn.records import AxisValue, Metric, Record

Axes = dict[str, AxisValue]


def curves(records: Iterable[Record]) -> dict[Group, list[Record]]:
    """Records that differ in seq_len only, sorted by it; the axes that they share as the key."""
    found: dict[Group, list[Record]] = {}
    for record in records:
        found.setdefault(without(record.axes, "seq_len"), []).append(record)
    return {group: sorted(curve, key=seq_len_of) for group, curve in found.items()}


def seq_len_of(record: Record) -> float:
    return float(record.axes["seq_len"] or 0)


def by_round(curve: Sequence[Record]) -> list[list[float]]:
    """The curve of each round that measured all of its points."""
    rounds = zip(*(record.samples for record in curve), strict=False)
    return [[v for v in values if v is not None] for values in rounds if None not in values]


def crossing(metric: Metric, curve: Sequence[Record], base: Sequence[Record]) -> Record | None:
    """Where two curves have the same value, interpolated within each round; None with less than two common lengths.

    The record's axes are those of `curve` with `of`, seq_len_from and seq_len_to; its details say which model is the
    faster one beyond it (faster_beyond), or, where there is none, on which side `curve` lies (everywhere).
    """
    common = {seq_len_of(r) for r in curve} & {seq_len_of(r) for r in base}
    if len(common) < 2:
        return None
    curve, base = ([r for r in c if seq_len_of(r) in common] for c in (curve, base))
    lengths = [seq_len_of(record) for record in curve]
    points = len(lengths)
    rounds = [(values[:points], values[points:]) for values in by_round([*curve, *base])]
    found = [stats.crossing(lengths, ours, theirs) for ours, theirs in rounds]
    axes: Axes = dict(without(curve[0].axes, "seq_len"))
    axes |= {"of": curve[0].metric, "seq_len_from": lengths[0], "seq_len_to": lengths[-1]}
    record = derived(metric, curve[0].suite, axes, list(found), stats.crossing_estimate(found))
    if record.median is not None:
        ahead = (curve[-1].median or 0) < (base[-1].median or 0)
        leader = axes["model"] if ahead else base[0].axes["model"]
        return replace(record, details=record.details | {"faster_beyond": leader})
    if rounds:
        sides = {all(a < b for a, b in zip(*r, strict=True)) for r in rounds}
        side = {frozenset({True}): "faster", frozenset({False}): "slower"}.get(frozenset(sides), "mixed")
        if any(c is not None for c in found):
            side = "mixed"
        return replace(record, details={"everywhere": side})
    return record


# In words

SETTINGS = ("batch_size", "d_model", "num_heads", "num_layers", "dtype", "device", "threads")


def interval(record: Record | stats.Estimate, write: Callable[[float], str] = units.significant) -> str:
    """ "1.23 [1.20, 1.27]", or the median and why it has no interval."""
    assert record.median is not None
    if record.low is None or record.high is None:
        return f"{write(record.median)} (no interval)"
    return f"{write(record.median)} [{write(record.low)}, {write(record.high)}]"


def unvaried(records: Sequence[Record]) -> tuple[str, ...]:
    """Settings with one value only, which need no mention."""
    return tuple(n for n in SETTINGS if len({r.axes.get(n) for r in records if n in r.axes}) < 2)


def named(axes: Mapping[str, AxisValue], *leave_out: str) -> str:
    """The model, with the settings that tell its curves apart."""
    shown = [f"{name} {value}" for name, value in axes.items() if name in SETTINGS and name not in leave_out]
    return f"{axes['model']} ({', '.join(shown)})" if shown else str(axes["model"])


# Lines of a figure


def series(records: Iterable[Record]) -> list[Series]:
    """A line a curve; a Python loop over cells is dashed."""
    found = curves(records)
    return [_line(_label(dict(group), found), curve) for group, curve in found.items()]


def _label(axes: Axes, found: dict[Group, list[Record]]) -> str:
    """The model, and every axis in which the curves of this figure differ."""
    varying = [n for n in axes if n != "model" and len({dict(g)[n] for g in found}) > 1]
    return " ".join([str(axes["model"]), *(f"{n} {axes[n]}" for n in varying)])


def _line(label: str, curve: Sequence[Record]) -> Series:
    lengths = [seq_len_of(record) for record in curve]
    medians = [record.median or 0.0 for record in curve]
    return Series(label, lengths, medians, [r.low for r in curve], [r.high for r in curve], "lstm-cell" in label)


def marks(records: Iterable[Record], times: Sequence[Record], base: str) -> list[Mark]:
    """Crossings of models and `base`, each at the height of base's curve."""
    found = []
    for record in (r for r in records if r.metric == "crossing" and r.median is not None):
        height = _height(record, times, base)
        if record.median is not None and height is not None:
            found.append(
                Mark(f"{record.axes['model']} = {base} at {units.significant(record.median)}", record.median, height)
            )
    return found


def _height(record: Record, times: Sequence[Record], base: str) -> float | None:
    """The time of `base` at a crossing, under the same settings, interpolated in log-log."""
    settings = without(record.axes, "model", "of", "seq_len_from", "seq_len_to")
    found = [r for r in times if r.axes["model"] == base and without(r.axes, "model", "seq_len") == settings]
    line = [(seq_len_of(r), r.median or 0.0) for r in sorted(found, key=seq_len_of)]
    x = record.median or 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(line):
        if x0 <= x <= x1:
            share = math.log(x / x0) / math.log(x1 / x0)
            return math.exp(math.log(y0) + share * math.log(y1 / y0))
    return None

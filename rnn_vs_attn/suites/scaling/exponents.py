"""Exponents of `scaling`: how times and FLOPs grow with length and with width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rnn_vs_attn.models.spec import RESTRICTED, SELF_ATTENTION
from rnn_vs_attn.records.query import derived, record_at, without
from rnn_vs_attn.records.types import AxisValue, Record
from rnn_vs_attn.report.curves import by_round
from rnn_vs_attn.stats import growth, intervals
from rnn_vs_attn.suites.metrics import EXPONENT
from rnn_vs_attn.suites.scaling.case import LAYER, MIXING
from rnn_vs_attn.suites.scaling.choosing import TIMES, alone, along, size, spec_of

LEAST_POINTS = 3  # of a fit
OCTAVES = 3  # below the largest size, that a fit of times takes in: the leading term is largest there
DOMINANT = 0.9  # of a layer's FLOPs, where the table's term is one of several
BENT = 0.15  # between the exponents of the lower and the upper half, beyond which a fit is not straight


def exponents(records: Sequence[Record]) -> Iterator[Record]:
    """Of times and of FLOPs, in length and in width."""
    yield from _time_exponents(records)
    yield from _flop_exponents(records)


def _time_exponents(records: Sequence[Record]) -> Iterator[Record]:
    for metric in TIMES:
        for part in (LAYER, MIXING):
            timed = alone(records, metric, part)
            for axis in ("seq_len", "d_model"):
                for curve in along(timed, axis):
                    yield from _time_exponent(records, curve, axis)


def _time_exponent(records: Sequence[Record], curve: Sequence[Record], axis: str) -> Iterator[Record]:
    """Over the upper octaves, and there where the term that the table is about has nearly all of the FLOPs."""
    largest = size(curve[-1], axis)
    upper = [r for r in curve if size(r, axis) * 2**OCTAVES >= largest]
    used = [r for r in upper if _dominated(records, r)]
    if len(used) < LEAST_POINTS:
        return
    sizes = [float(size(r, axis)) for r in used]
    found = intervals.exponents(sizes, by_round(used))
    axes: dict[str, AxisValue] = dict(without(used[0].axes, axis))
    axes |= {"of": used[0].metric, "in": axis, "from": sizes[0], "to": sizes[-1]}
    result = intervals.estimate(found) if found else None
    yield derived(EXPONENT, used[0].suite, axes, list(found), result, **_bend(sizes, by_round(used)))


def _dominated(records: Sequence[Record], time: Record) -> bool:
    """Whether the FLOPs of the table's term are nearly all: of attention, those between its projections."""
    if time.axes["part"] != LAYER or spec_of(time).layer_type not in (SELF_ATTENTION, RESTRICTED):
        return True
    axes = time.axes | {"pass": "forward"}
    flops, projections = (record_at(records, name, axes) for name in ("flops", "projection_flops"))
    if flops is None or projections is None or not flops.median or projections.median is None:
        return False
    return 1 - projections.median / flops.median >= DOMINANT


def _bend(sizes: Sequence[float], rounds: Sequence[Sequence[float]]) -> dict[str, Any]:
    """The exponents of the lower and the upper half of a fit where they differ by more than noise and BENT."""
    middle = len(sizes) // 2
    if len(sizes) < 3 or not rounds:
        return {}
    lower = intervals.exponents(sizes[: middle + 1], [r[: middle + 1] for r in rounds])
    upper = intervals.exponents(sizes[middle:], [r[middle:] for r in rounds])
    apart = intervals.estimate([b - a for a, b in zip(lower, upper, strict=True)])
    if abs(apart.median) <= BENT or intervals.side_of(apart, 0.0) == "undecided":
        return {}
    return {"bent": [intervals.estimate(lower).median, intervals.estimate(upper).median]}


def _flop_exponents(records: Sequence[Record]) -> Iterator[Record]:
    """Of all FLOPs of a forward pass, of those with weights, and of the others, in length and in width."""
    every = alone(records, "flops", LAYER, **{"pass": "forward"})
    for axis in ("seq_len", "d_model"):
        for curve in along(every, axis):
            with_weights = [record_at(records, "projection_flops", r.axes) for r in curve]
            weights = [int(r.median or 0) if r else 0 for r in with_weights]
            totals = [int(r.median or 0) for r in curve]
            others = [total - part for total, part in zip(totals, weights, strict=True)]
            for name, counts in (("flops", totals), ("projection_flops", weights), ("mixing_flops", others)):
                if min(counts) > 0:
                    yield from _flop_exponent(curve, axis, name, counts)


def _flop_exponent(curve: Sequence[Record], axis: str, name: str, counts: Sequence[int]) -> Iterator[Record]:
    sizes = [size(r, axis) for r in curve]
    found = growth.exponent(sizes, counts)
    if found is None:
        return
    axes: dict[str, AxisValue] = dict(without(curve[0].axes, axis, "pass"))
    axes |= {"of": name, "in": axis, "from": sizes[0], "to": sizes[-1]}
    value, exact = found
    result = intervals.estimate([value], exact=True)
    yield derived(EXPONENT, curve[0].suite, axes, [value], result, **({} if exact else {"fitted": True}))


def table_exponent(mine: Sequence[Record], axis: str, of: str = "forward_time") -> Record | None:
    """The exponent that the table's cell is about: of what attention does between its projections, of other layers
    whole.
    """
    found = [r for r in mine if r.metric == EXPONENT.name and r.axes["of"] == of and r.axes["in"] == axis]
    return next((r for part in (MIXING, LAYER) for r in found if r.axes["part"] == part), None)

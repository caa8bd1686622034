"""Crossings of `scaling`: from which length attention takes longer, or has more FLOPs, than another layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import BASELINE, find
from rnn_vs_attn.records.query import derived, without
from rnn_vs_attn.records.types import AxisValue, Metric, Record
from rnn_vs_attn.report.curves import beside, crossing
from rnn_vs_attn.stats import growth, intervals
from rnn_vs_attn.suites.metrics import CROSSING
from rnn_vs_attn.suites.scaling.case import LAYER, crosses
from rnn_vs_attn.suites.scaling.choosing import PASSES, TIMES, alone, size, spec_of

FLOP_CROSSING = Metric(
    "flop_crossing", "1", "none", exact=True, title="the smallest seq_len at which attention has more FLOPs"
)
MOST_POSITIONS = 1 << 30


def time_crossings(records: Sequence[Record]) -> Iterator[Record]:
    for metric in TIMES:
        for curve, base in beside(alone(records, metric, LAYER), BASELINE):
            record = crossing(CROSSING, curve, base) if crosses(spec_of(curve[0])) else None
            if record is not None:
                yield record


def flop_crossings(records: Sequence[Record]) -> Iterator[Record]:
    for name in PASSES:
        for curve, base in beside(alone(records, "flops", LAYER, **{"pass": name}), BASELINE):
            if not crosses(spec_of(curve[0])):
                continue
            for way, value in (("formula", _by_formula(curve[0], name)), ("count", _by_count(curve, base))):
                if value is not None:
                    axes: dict[str, AxisValue] = dict(without(curve[0].axes, "seq_len")) | {"by": way}
                    result = intervals.estimate([float(value)], exact=True)
                    yield derived(FLOP_CROSSING, curve[0].suite, axes, [float(value)], result)


def _by_count(curve: Sequence[Record], base: Sequence[Record]) -> int | None:
    """Of the polynomials through the counts at the lengths of this run."""
    lengths = sorted({size(r, "seq_len") for r in curve} & {size(r, "seq_len") for r in base})
    theirs, ours = ([int(r.median or 0) for r in c if size(r, "seq_len") in lengths] for c in (base, curve))
    return growth.polynomial_crossing(lengths, theirs, ours, MOST_POSITIONS) if len(lengths) > 1 else None


def _by_formula(record: Record, name: str) -> int | None:
    """Of the closed forms of both models."""
    ours, theirs = find(BASELINE).costs, spec_of(record).costs
    if ours is None or theirs is None:
        return None
    shape = {n: record.axes[n] for n in ("batch_size", "d_model", "num_heads", "num_layers", "causal")}

    def above(length: int) -> bool:
        at: Any = Shape(seq_len=length, **shape)  # type: ignore[arg-type]
        a, b = ours.flops(at), theirs.flops(at)
        return (a.train > b.train) if name == "train" else (a.forward > b.forward)

    return growth.first_above(above, MOST_POSITIONS)


def cheaper_and_dearer(record: Record) -> tuple[float | None, float | None]:
    """Up to which n it is settled that attention is the faster one, and from which n on, or at the shortest, that it is
    not. Where it is so up to the longest n, up to the next one, as n below d are asked about.
    """
    stretches, shortest, longest = (record.details["stretches"], *(record.axes[f"seq_len_{e}"] for e in ("from", "to")))
    cheaper = dearer = None
    for side, start, end in stretches:  # of the other model
        if side == "slower" and start == shortest:
            cheaper = end + (end == longest)
        if side == "faster" and (start == shortest or end == longest):
            dearer = start
            break
    return cheaper, dearer

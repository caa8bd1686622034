"""What `bench` reads out of its records: rates, ratios, exponents and crossings, each formed within rounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rnn_vs_attn.models.registry import BASELINE
from rnn_vs_attn.records.query import Group, derived, measured, rate, record_at, share, without
from rnn_vs_attn.records.types import Axes, Record
from rnn_vs_attn.report.curves import beside, by_round, crossing, curves, seq_len_of
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites.case import ITEMSIZE
from rnn_vs_attn.suites.metrics import (
    BANDWIDTH_FRACTION,
    BYTES_PER_SECOND,
    CROSSING,
    EXPONENT,
    FLOPS_FRACTION,
    FLOPS_PER_SECOND,
    RATIO,
    TOKENS_PER_SECOND,
)

TIMES = ("forward_time", "backward_time", "train_time")

# Stored: exponents and crossings


def derive(records: Sequence[Record]) -> list[Record]:
    """Exponents of time in seq_len for each model, and where each model and `attention` take the same time."""
    return [r for metric in TIMES for r in (*_exponents(records, metric), *_crossings(records, metric))]


def _exponents(records: Sequence[Record], metric: str) -> Iterator[Record]:
    every = curves(measured(records, metric))
    for group, curve in every.items():
        for part in _parts(group, curve, every):
            lengths = [seq_len_of(record) for record in part]
            found = intervals.exponents(lengths, by_round(part))
            axes = dict(group) | {"of": metric, "seq_len_from": lengths[0], "seq_len_to": lengths[-1]}
            if found:  # or no round has all lengths
                yield derived(EXPONENT, part[0].suite, axes, list(found), intervals.estimate(found))


def _parts(group: Group, curve: Sequence[Record], every: Mapping[Group, Sequence[Record]]) -> list[list[Record]]:
    """The curve, and of `attention` also what lies over the lengths that each other model was measured at.

    Of those with the same ends, which are all that a record says of them, the one with most lengths: the first.
    """
    others = [curve]
    if dict(group)["model"] == BASELINE:
        rest = without(dict(group), "model")
        others += [other for key, other in every.items() if without(dict(key), "model") == rest]
    own = {seq_len_of(record) for record in curve}
    shared = dict.fromkeys(frozenset(own.intersection(map(seq_len_of, other))) for other in others)
    parts = ([r for r in curve if seq_len_of(r) in lengths] for lengths in shared if len(lengths) > 1)
    by_ends: dict[tuple[float, float], list[Record]] = {}
    for part in sorted(parts, key=len, reverse=True):
        by_ends.setdefault((seq_len_of(part[0]), seq_len_of(part[-1])), part)
    return [*by_ends.values()]


def _crossings(records: Sequence[Record], metric: str) -> Iterator[Record]:
    for curve, base in beside(measured(records, metric), BASELINE):
        record = crossing(CROSSING, curve, base)
        if record is not None:
            yield record


# For the table: rates and ratios


def expand(records: Sequence[Record]) -> list[Record]:
    """tokens/s, FLOP/s, shares of the machine's own peak, and ratios to `attention`, each formed within rounds."""
    return [*_rates(records), *_ratios(records)]


def _rates(records: Sequence[Record]) -> Iterator[Record]:
    for time in measured(records, "train_time"):
        axes = time.axes
        tokens = float(axes["batch_size"] or 0) * float(axes["seq_len"] or 0)
        yield rate(time, TOKENS_PER_SECOND, tokens)
        flops = record_at(records, "flops", axes | {"pass": "train"})
        if flops is None or flops.median is None:
            continue
        speed = rate(time, FLOPS_PER_SECOND, flops.median)
        yield speed
        yield from share(speed, records, "peak_flops", FLOPS_FRACTION)
        num_params = record_at(records, "num_params", axes)
        known = str(axes["dtype"]) in ITEMSIZE  # a stored run may be of a version that has others
        if known and num_params is not None and num_params.median is not None:
            width = record_at(records, "width", axes)
            used = axes | {"d_model": width.median} if width and width.median else axes
            moved = least_bytes(used, num_params.median)
            bandwidth = rate(time, BYTES_PER_SECOND, moved)
            yield from share(bandwidth, records, "peak_bandwidth", BANDWIDTH_FRACTION)


def least_bytes(axes: Axes, num_params: float) -> float:
    """Bytes that a training pass cannot avoid: input, output and their gradients once, parameters and theirs once."""
    tokens = float(axes["batch_size"] or 0) * float(axes["seq_len"] or 0) * float(axes["d_model"] or 0)
    return ITEMSIZE[str(axes["dtype"])] * (4 * tokens + 2 * num_params)


def _ratios(records: Sequence[Record]) -> Iterator[Record]:
    for metric in TIMES:
        times = measured(records, metric)
        baselines = {without(r.axes, "model"): r for r in times if r.axes["model"] == BASELINE}
        for time in times:
            base = baselines.get(without(time.axes, "model"))
            result = intervals.ratio(time.samples, base.samples) if base else None
            if result is not None and time is not base:
                yield derived(RATIO, time.suite, time.axes | {"of": metric}, [], result)

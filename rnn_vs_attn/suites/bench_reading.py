"""What `bench` reads out of its records: rates, ratios, exponents and crossings, each formed within rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rnn_vs_attn import stats
from rnn_vs_attn.models import BASELINE
from rnn_vs_attn.readings import Group, derived, measured, without
from rnn_vs_attn.records import AxisValue, Metric, Record
from rnn_vs_attn.suites.suite import ITEMSIZE

EXPONENT = Metric("exponent", "1", "none", title="b of time = a * seq_len**b")
CROSSING = Metric("crossing", "1", "none", title=f"the seq_len from which {BASELINE} is the slower one")
RATIO = Metric("ratio", "1", "none", title=f"divided by {BASELINE} in the same round")
METRICS = (EXPONENT, CROSSING)
TIMES = ("forward_time", "backward_time", "train_time")

Axes = dict[str, AxisValue]

# Stored: exponents and crossings


def derive(records: Sequence[Record]) -> list[Record]:
    """Exponents of time in seq_len for each model, and where each model and `attention` take the same time."""
    return [r for metric in TIMES for r in (*_exponents(records, metric), *_crossings(records, metric))]


def _curves(records: Sequence[Record], metric: str) -> dict[Group, list[Record]]:
    """Records of one metric that differ in seq_len only, sorted by it; curves of one point are left out."""
    curves: dict[Group, list[Record]] = {}
    for record in measured(records, metric):
        curves.setdefault(without(record.axes, "seq_len"), []).append(record)
    ordered = {group: sorted(curve, key=seq_len_of) for group, curve in curves.items()}
    return {group: curve for group, curve in ordered.items() if len(curve) > 1}


def seq_len_of(record: Record) -> float:
    return float(record.axes["seq_len"] or 0)


def by_round(curve: Sequence[Record]) -> list[list[float]]:
    """The curve of each round that measured all of its points."""
    rounds = zip(*(record.samples for record in curve), strict=False)
    return [[v for v in values if v is not None] for values in rounds if None not in values]


def _exponents(records: Sequence[Record], metric: str) -> Iterator[Record]:
    for group, curve in _curves(records, metric).items():
        lengths = [seq_len_of(record) for record in curve]
        found = stats.exponents(lengths, by_round(curve))
        axes = dict(group) | {"of": metric, "seq_len_from": lengths[0], "seq_len_to": lengths[-1]}
        yield derived(EXPONENT, curve[0].suite, axes, list(found), stats.estimate(found))


def _crossings(records: Sequence[Record], metric: str) -> Iterator[Record]:
    curves = _curves(records, metric)
    baselines = {without(dict(g), "model"): curve for g, curve in curves.items() if dict(g)["model"] == BASELINE}
    for group, curve in curves.items():
        base = baselines.get(without(dict(group), "model"))
        if base is None or dict(group)["model"] == BASELINE:
            continue
        common = {seq_len_of(r) for r in curve} & {seq_len_of(r) for r in base}
        curve, base = ([r for r in c if seq_len_of(r) in common] for c in (curve, base))
        if len(common) > 1:
            yield _crossing(dict(group) | {"of": metric}, curve, base)


def _crossing(axes: Axes, curve: Sequence[Record], base: Sequence[Record]) -> Record:
    lengths = [seq_len_of(record) for record in curve]
    points = len(lengths)
    rounds = [(values[:points], values[points:]) for values in by_round([*curve, *base])]
    found = [stats.crossing(lengths, ours, theirs) for ours, theirs in rounds]
    axes |= {"seq_len_from": lengths[0], "seq_len_to": lengths[-1]}
    record = derived(CROSSING, curve[0].suite, axes, list(found), stats.crossing_estimate(found))
    if record.median is not None:
        ahead = (curve[-1].median or 0) < (base[-1].median or 0)
        return replace(record, details=record.details | {"faster_beyond": axes["model"] if ahead else BASELINE})
    if rounds:
        sides = {all(a < b for a, b in zip(*r, strict=True)) for r in rounds}
        side = {frozenset({True}): "faster", frozenset({False}): "slower"}.get(frozenset(sides), "mixed")
        if any(crossing is not None for crossing in found):
            side = "mixed"
        return replace(record, details={"everywhere": side})
    return record


# For the table: rates and ratios


def expand(records: Sequence[Record]) -> list[Record]:
    """tokens/s, FLOP/s, shares of the machine's own peak, and ratios to `attention`, each formed within rounds."""
    return [*_rates(records), *_ratios(records)]


def _rates(records: Sequence[Record]) -> Iterator[Record]:
    for time in measured(records, "train_time"):
        axes = time.axes
        tokens = float(axes["batch_size"] or 0) * float(axes["seq_len"] or 0)
        yield _scaled(time, "tokens_per_second", lambda t, n=tokens: n / t)  # type: ignore[misc]
        flops = record_at(records, "flops", axes | {"pass": "train"})
        if flops is None or flops.median is None:
            continue
        rate = _scaled(time, "flops_per_second", lambda t, n=flops.median: n / t)  # type: ignore[misc]
        yield rate
        where = {name: axes[name] for name in ("device", "dtype", "threads")}
        yield from _share(rate, record_at(records, "peak_flops", where), "flops_fraction")
        num_params = record_at(records, "num_params", axes)
        if num_params is not None and num_params.median is not None:
            width = record_at(records, "width", axes)
            used = axes | {"d_model": width.median} if width and width.median else axes
            moved = least_bytes(used, num_params.median)
            bandwidth = _scaled(time, "bytes_per_second", lambda t, n=moved: n / t)  # type: ignore[misc]
            yield from _share(bandwidth, record_at(records, "peak_bandwidth", where), "bandwidth_fraction")


def least_bytes(axes: Axes, num_params: float) -> float:
    """Bytes that a training pass cannot avoid: input, output and their gradients once, parameters and theirs once."""
    tokens = float(axes["batch_size"] or 0) * float(axes["seq_len"] or 0) * float(axes["d_model"] or 0)
    return ITEMSIZE[str(axes["dtype"])] * (4 * tokens + 2 * num_params)


def record_at(records: Sequence[Record], metric: str, axes: Axes) -> Record | None:
    return next((r for r in records if r.metric == metric and r.axes == axes), None)


def _scaled(record: Record, metric: str, change: Callable[[float], float]) -> Record:
    samples = [None if value is None else change(value) for value in record.samples]
    values = [value for value in samples if value is not None]
    return derived(Metric(metric, "1/s", "higher"), record.suite, record.axes, samples, stats.estimate(values))


def _share(rate: Record, peak: Record | None, metric: str) -> Iterator[Record]:
    result = stats.ratio(rate.samples, peak.samples) if peak else None
    if result is not None:
        yield derived(Metric(metric, "1", "higher"), rate.suite, rate.axes, [], result)


def _ratios(records: Sequence[Record]) -> Iterator[Record]:
    for metric in TIMES:
        times = measured(records, metric)
        baselines = {without(r.axes, "model"): r for r in times if r.axes["model"] == BASELINE}
        for time in times:
            base = baselines.get(without(time.axes, "model"))
            result = stats.ratio(time.samples, base.samples) if base else None
            if result is not None and time is not base:
                yield derived(RATIO, time.suite, time.axes | {"of": metric}, [], result)


def unvaried(records: Sequence[Record]) -> tuple[str, ...]:
    """Axes with one value only, which need no mention."""
    names = ("dtype", "device", "threads")
    return tuple(n for n in names if len({r.axes.get(n) for r in records if n in r.axes}) < 2)

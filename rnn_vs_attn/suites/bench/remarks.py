"""What `bench` says in words under its table: peaks, crossings, growth, and which of the lesson's claims held here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rnn_vs_attn import units
from rnn_vs_attn.models.registry import BASELINE, PYTHON_LOOPS, find
from rnn_vs_attn.models.spec import ATTENTION, RECURRENCE, ModelSpec
from rnn_vs_attn.records.query import Group, measured, record_at, without
from rnn_vs_attn.records.types import LAUNCH_BOUND, Record
from rnn_vs_attn.report.curves import (
    by_round,
    curves,
    interval,
    named,
    said_of_crossing,
    seq_len_of,
    unvaried,
    where_it_holds,
)
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites.bench.analysis import expand

_LINEAR, _QUADRATIC = 1.0, 2.0


def remarks(records: Sequence[Record]) -> list[str]:
    """What the numbers mean: peaks, crossings, growth and the lesson's claims, each with its interval or the reason."""
    made = [*records, *expand(records)]
    return [
        *_peak_lines(records),
        *_crossing_lines(records),
        *_exponent_lines(records),
        *_launch_bound_lines(records),
        *_claims(made),
    ]


def _peak_lines(records: Sequence[Record]) -> Iterator[str]:
    for flops in measured(records, "peak_flops"):
        bandwidth = record_at(records, "peak_bandwidth", flops.axes)
        where = (
            f"{flops.axes['device']}, {flops.axes['dtype']}, {units.counted(int(flops.axes['threads'] or 0), 'thread')}"
        )
        copy = f", {units.scaled(bandwidth.median, 'B/s')} in a copy" if bandwidth and bandwidth.median else ""
        rate = units.scaled(flops.median or 0, "FLOP/s")
        of_peak = "'of peak' is the share of the first that training reaches"
        slow = _slow_product(records, flops)
        yield f"Peak of this machine ({where}): {rate} in a matrix product{copy}; {of_peak}.{slow}"


def _slow_product(records: Sequence[Record], peak: Record) -> str:
    """Said where torch's own matrix product, which attention's projections run on, is far from the peak."""
    product = record_at(records, "product_flops", peak.axes | {"by": "mm"})
    if product is None or product.median is None or peak.median is None or product.median > 0.8 * peak.median:
        return ""
    rate = units.scaled(product.median, "FLOP/s")
    return f" torch's own product (mm), which nn.Linear runs on, reaches {rate}."


def _pass(metric: str) -> str:
    return metric.removesuffix("_time")


def _crossing_lines(records: Sequence[Record]) -> Iterator[str]:
    skip = unvaried(records)
    for record in (r for r in records if r.metric == "crossing" and r.axes["of"] != "backward_time"):
        axes = record.axes
        what = f"{_pass(str(axes['of']))}, {named(axes, *skip)} and {BASELINE}"
        outside = "outside the measured range; " if record.details.get("everywhere") else ""
        yield f"Crossing, {what}: {outside}{said_of_crossing(record, str(axes['model']), 'seq_len', 'seq_len')}."


def _exponent_lines(records: Sequence[Record]) -> Iterator[str]:
    skip = unvaried(records)
    found = [r for r in records if r.metric == "exponent" and r.axes["of"] == "train_time"]
    for key in dict.fromkeys((r.axes["seq_len_from"], r.axes["seq_len_to"]) for r in found):
        same = [r for r in found if (r.axes["seq_len_from"], r.axes["seq_len_to"]) == key]
        listed = "; ".join(f"{named(r.axes, *skip)} {interval(r)}" for r in same)
        yield f"Growth of training time, b in seq_len^b from {key[0]:.0f} to {key[1]:.0f}: {listed}."


def _launch_bound_lines(records: Sequence[Record]) -> Iterator[str]:
    """Which training times were the host's, as then what is said of them is too."""
    skip = unvaried(records)
    trained = (r for r in records if r.metric == LAUNCH_BOUND and r.axes["pass"] == "train")
    listed = where_it_holds(trained, lambda axes: named(axes, *skip))
    if listed:
        yield f"Launch-bound, so that what is said of their training tells of this host and not of the GPU: {listed}."


def _claims(records: Sequence[Record]) -> Iterator[str]:
    if not any(r.low is not None for r in measured(records, "train_time")):
        yield f"No claim is decided: that takes intervals, and they take {intervals.MIN_ROUNDS} rounds."
        return
    yield from _claim_faster(records)
    yield from _claim_growth(records)
    yield from _claim_memory(records)
    yield from _claim_parallel(records)
    yield from _claim_loop(records)


def _recurrent(records: Iterable[Record]) -> list[Record]:
    """Records of recurrent models in the device's own kernel: a Python loop says nothing of recurrence."""
    specs = [(record, _spec(record)) for record in records]
    return [record for record, spec in specs if spec.family == RECURRENCE and not spec.traits.loop_of]


def _spec(record: Record) -> ModelSpec:
    return find(str(record.axes["model"]))


def _claim_faster(records: Sequence[Record]) -> Iterator[str]:
    """Claim: attention trains faster than recurrence. Per curve: where the ratio's interval is above and below 1."""
    skip = unvaried(records)
    ratios = _recurrent(r for r in records if r.metric == "ratio" and r.axes["of"] == "train_time")
    for group, curve in curves(ratios).items():
        sides: dict[str, list[str]] = {"above": [], "below": [], "undecided": []}
        for record in curve:
            sides[intervals.side_of(record.estimate, 1.0)].append(str(record.axes["seq_len"]))
        words = (("above", "holds"), ("below", "does not hold here"), ("undecided", "undecided"))
        parts = [f"{word} at seq_len {', '.join(sides[side])}" for side, word in words if sides[side]]
        yield f'Claim "attention trains faster than {named(dict(group), *skip)}": {"; ".join(parts)}.'


def _claim_growth(records: Sequence[Record]) -> Iterator[str]:
    """Claim: with length attention's time grows faster than a recurrence's. Disjoint intervals of exponents decide."""
    skip = unvaried(records)
    found = [r for r in records if r.metric == "exponent" and r.axes["of"] == "train_time"]
    baselines = {without(r.axes, "model"): r for r in found if r.axes["model"] == BASELINE}
    for record in _recurrent(found):
        base = baselines.get(without(record.axes, "model"))
        if base is None:
            continue
        text = f"{interval(base)} against {interval(record)}"
        name = named(record.axes, *skip)
        yield f"Claim \"attention's time grows faster with length than {name}'s\": {_above(base, record)} ({text})."


def _above(larger: Record, smaller: Record) -> str:
    """Whether the first interval lies above the second."""
    if larger.low is None or larger.high is None or smaller.low is None or smaller.high is None:
        return "undecided"
    if larger.low > smaller.high:
        return "holds"
    return "does not hold here" if larger.high < smaller.low else "undecided"


def _claim_memory(records: Sequence[Record]) -> Iterator[str]:
    """Claim: attention's memory grows with the square of the length. From the last doubling, where it is large."""
    peaks = [r for r in records if r.metric == "peak_memory" and r.ok and r.axes["pass"] == "train"]
    skip = unvaried(records)
    for group, curve in curves(peaks).items():
        last = curve[-2:]
        if _spec(curve[0]).family != ATTENTION or len(last) < 2 or min(r.median or 0 for r in last) < 4 * units.MIB:
            continue
        growth = intervals.exponents([seq_len_of(r) for r in last], by_round(last))
        result = intervals.estimate(growth)
        verdict = "undecided"
        if result.low is not None and result.high is not None:
            low, high = result.low, result.high
            words = {_QUADRATIC: "holds", _LINEAR: "does not hold here"}
            verdict = next((w for e, w in words.items() if e - 0.25 < low and high < e + 0.25), "undecided")
        span = f"{seq_len_of(last[0]):.0f} to {seq_len_of(last[1]):.0f}"
        name = named(dict(group), *skip)
        claim = f'Claim "attention needs memory that grows with seq_len^2", {name}'
        yield f"{claim}: {verdict} (exponent {interval(result)}, {span})."


def _claim_parallel(records: Sequence[Record]) -> Iterator[str]:
    """Claim: attention gains from more threads, recurrence does not. Speed-up from the fewest to the most threads."""
    counts = sorted({int(r.axes["threads"] or 0) for r in records if r.metric == "train_time"})
    if len(counts) < 2:
        return
    few, many, skip = counts[0], counts[-1], unvaried(records)
    times = measured(records, "train_time")
    longest = max(seq_len_of(r) for r in times) if times else 0
    pairs: dict[Group, dict[int, Record]] = {}
    for record in (r for r in times if seq_len_of(r) == longest):
        pairs.setdefault(without(record.axes, "threads"), {})[int(record.axes["threads"] or 0)] = record
    for group, by_threads in pairs.items():
        if few in by_threads and many in by_threads:
            result = intervals.ratio(by_threads[few].samples, by_threads[many].samples)
            if result is not None:
                words = {"above": "gains", "below": "loses", "undecided": "undecided"}
                what = f"{named(dict(group), 'threads', *skip)} at seq_len {longest:.0f}, {few} to {many} threads"
                verdict = words[intervals.side_of(result, 1.0)]
                yield f"Parallelism, {what}: {verdict}, speed-up {interval(result)}."


def _claim_loop(records: Sequence[Record]) -> Iterator[str]:
    """What a Python loop over cells adds to the same recurrence."""
    for spec in PYTHON_LOOPS:
        same = spec.traits.loop_of
        times = {without(r.axes, "model"): r for r in measured(records, "train_time", model=same)}
        loops = sorted(measured(records, "train_time", model=spec.name), key=seq_len_of)
        for loop in loops[-1:]:
            fused = times.get(without(loop.axes, "model"))
            result = intervals.ratio(loop.samples, fused.samples) if fused else None
            if result is not None:
                yield (
                    f"The same {same.upper()} as a Python loop over cells ({spec.name}) takes {interval(result)} times "
                    f"as long at seq_len {seq_len_of(loop):.0f}: launch overhead, not recurrence."
                )

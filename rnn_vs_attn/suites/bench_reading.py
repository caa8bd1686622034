"""What `bench` reads out of its records: rates, ratios, exponents, crossings, the lesson's claims, and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from rnn_vs_attn import stats, units
from rnn_vs_attn.models import BASELINE, find
from rnn_vs_attn.plots import Figure, Mark, Series
from rnn_vs_attn.records import AxisValue, Metric, Record
from rnn_vs_attn.stats import Estimate
from rnn_vs_attn.suites.suite import ITEMSIZE

EXPONENT = Metric("exponent", "1", "none", title="b of time = a * seq_len**b")
CROSSING = Metric("crossing", "1", "none", title=f"the seq_len from which {BASELINE} is the slower one")
RATIO = Metric("ratio", "1", "none", title=f"divided by {BASELINE} in the same round")
METRICS = (EXPONENT, CROSSING)
_TIMES = ("forward_time", "backward_time", "train_time")
_LINEAR, _QUADRATIC = 1.0, 2.0

Axes = dict[str, AxisValue]
Group = tuple[tuple[str, AxisValue], ...]


def _without(axes: Axes, *names: str) -> Group:
    return tuple((k, v) for k, v in axes.items() if k not in names)


def _measured(records: Iterable[Record], metric: str, **axes: AxisValue) -> list[Record]:
    return [r for r in records if r.metric == metric and r.ok and axes.items() <= r.axes.items()]


def _made(metric: Metric, suite: str, axes: Axes, samples: list[float | None], result: Estimate | None) -> Record:
    return Record(
        suite=suite,
        axes=axes,
        metric=metric.name,
        unit=metric.unit,
        better=metric.better,
        exact=metric.exact,
        scale=metric.scale,
        status="ok",
        samples=samples,
        median=result.median if result else None,
        low=result.low if result else None,
        high=result.high if result else None,
        warnings=[],
        details={"reason": result.reason} if result and result.reason else {},
    )


# Stored: exponents and crossings


def derive(records: Sequence[Record]) -> list[Record]:
    """Exponents of time in seq_len for each model, and where each model and `attention` take the same time."""
    return [r for metric in _TIMES for r in (*_exponents(records, metric), *_crossings(records, metric))]


def _curves(records: Sequence[Record], metric: str) -> dict[Group, list[Record]]:
    """Records of one metric that differ in seq_len only, sorted by it; curves of one point are left out."""
    curves: dict[Group, list[Record]] = {}
    for record in _measured(records, metric):
        curves.setdefault(_without(record.axes, "seq_len"), []).append(record)
    ordered = {group: sorted(curve, key=_seq_len) for group, curve in curves.items()}
    return {group: curve for group, curve in ordered.items() if len(curve) > 1}


def _seq_len(record: Record) -> float:
    return float(record.axes["seq_len"] or 0)


def _by_round(curve: Sequence[Record]) -> list[list[float]]:
    """The curve of each round that measured all of its points."""
    return [list(values) for values in zip(*(record.values for record in curve), strict=False)]


def _exponents(records: Sequence[Record], metric: str) -> Iterator[Record]:
    for group, curve in _curves(records, metric).items():
        lengths = [_seq_len(record) for record in curve]
        found = stats.exponents(lengths, _by_round(curve))
        axes = dict(group) | {"of": metric, "seq_len_from": lengths[0], "seq_len_to": lengths[-1]}
        yield _made(EXPONENT, curve[0].suite, axes, list(found), stats.estimate(found))


def _crossings(records: Sequence[Record], metric: str) -> Iterator[Record]:
    curves = _curves(records, metric)
    baselines = {_without(dict(g), "model"): curve for g, curve in curves.items() if dict(g)["model"] == BASELINE}
    for group, curve in curves.items():
        base = baselines.get(_without(dict(group), "model"))
        if base is None or dict(group)["model"] == BASELINE:
            continue
        common = {_seq_len(r) for r in curve} & {_seq_len(r) for r in base}
        curve, base = ([r for r in c if _seq_len(r) in common] for c in (curve, base))
        if len(common) > 1:
            yield _crossing(dict(group) | {"of": metric}, curve, base)


def _crossing(axes: Axes, curve: Sequence[Record], base: Sequence[Record]) -> Record:
    lengths = [_seq_len(record) for record in curve]
    rounds = list(zip(_by_round(curve), _by_round(base), strict=False))
    found = [stats.crossing(lengths, ours, theirs) for ours, theirs in rounds]
    axes |= {"seq_len_from": lengths[0], "seq_len_to": lengths[-1]}
    record = _made(CROSSING, curve[0].suite, axes, list(found), stats.crossing_estimate(found))
    if record.median is None:
        sides = {all(a < b for a, b in zip(*r, strict=True)) for r in rounds if stats.crossing(lengths, *r) is None}
        side = {frozenset({True}): "faster", frozenset({False}): "slower"}.get(frozenset(sides), "mixed")
        return replace(record, details={"everywhere": side})
    return record


# For the table: rates and ratios


def expand(records: Sequence[Record]) -> list[Record]:
    """tokens/s, FLOP/s, shares of the machine's own peak, and ratios to `attention`, each formed within rounds."""
    return [*_rates(records), *_ratios(records)]


def _rates(records: Sequence[Record]) -> Iterator[Record]:
    for time in _measured(records, "train_time"):
        axes = time.axes
        tokens = float(axes["batch_size"] or 0) * float(axes["seq_len"] or 0)
        yield _scaled(time, "tokens_per_second", lambda t, n=tokens: n / t)  # type: ignore[misc]
        flops = _one(records, "flops", axes | {"pass": "train"})
        if flops is None or flops.median is None:
            continue
        rate = _scaled(time, "flops_per_second", lambda t, n=flops.median: n / t)  # type: ignore[misc]
        yield rate
        where = {name: axes[name] for name in ("device", "dtype", "threads")}
        yield from _share(rate, _one(records, "peak_flops", where), "flops_fraction")
        num_params = _one(records, "num_params", axes)
        if num_params is not None and num_params.median is not None:
            moved = least_bytes(axes, num_params.median)
            bandwidth = _scaled(time, "bytes_per_second", lambda t, n=moved: n / t)  # type: ignore[misc]
            yield from _share(bandwidth, _one(records, "peak_bandwidth", where), "bandwidth_fraction")


def least_bytes(axes: Axes, num_params: float) -> float:
    """Bytes that a training pass cannot avoid: input, output and their gradients once, parameters and theirs once."""
    tokens = float(axes["batch_size"] or 0) * float(axes["seq_len"] or 0) * float(axes["d_model"] or 0)
    return ITEMSIZE[str(axes["dtype"])] * (4 * tokens + 2 * num_params)


def _one(records: Sequence[Record], metric: str, axes: Axes) -> Record | None:
    return next((r for r in records if r.metric == metric and r.axes == axes), None)


def _scaled(record: Record, metric: str, change: Callable[[float], float]) -> Record:
    values = [change(value) for value in record.values]
    named = Metric(metric, "1/s", "higher")
    return _made(named, record.suite, record.axes, list(values), stats.estimate(values))


def _share(rate: Record, peak: Record | None, metric: str) -> Iterator[Record]:
    result = stats.ratio(rate.values, peak.values) if peak else None
    if result is not None:
        yield _made(Metric(metric, "1", "higher"), rate.suite, rate.axes, [], result)


def _ratios(records: Sequence[Record]) -> Iterator[Record]:
    for metric in _TIMES:
        times = _measured(records, metric)
        baselines = {_without(r.axes, "model"): r for r in times if r.axes["model"] == BASELINE}
        for time in times:
            base = baselines.get(_without(time.axes, "model"))
            result = stats.ratio(time.values, base.values) if base else None
            if result is not None and time is not base:
                yield _made(RATIO, time.suite, time.axes | {"of": metric}, [], result)


# In words


def remarks(records: Sequence[Record]) -> list[str]:
    """What the numbers mean: peaks, crossings, exponents, and the lesson's claims, each with its interval or its reason."""
    made = [*records, *expand(records)]
    return [
        *_peak_lines(records),
        *_crossing_lines(records),
        *_exponent_lines(records),
        *_claims(made),
    ]


def interval(record: Record | Estimate, write: Callable[[float], str] = units.significant) -> str:
    """ "1.23 [1.20, 1.27]", or the median and why it has no interval."""
    assert record.median is not None
    if record.low is None or record.high is None:
        return f"{write(record.median)} (no interval)"
    return f"{write(record.median)} [{write(record.low)}, {write(record.high)}]"


def _peak_lines(records: Sequence[Record]) -> Iterator[str]:
    for flops in _measured(records, "peak_flops"):
        bandwidth = _one(records, "peak_bandwidth", flops.axes)
        where = f"{flops.axes['device']}, {flops.axes['dtype']}, {flops.axes['threads']} threads"
        copy = f", {units.scaled(bandwidth.median, 'B/s')} in a copy" if bandwidth and bandwidth.median else ""
        rate = units.scaled(flops.median or 0, "FLOP/s")
        yield f"Peak of this machine ({where}): {rate} in a matrix product{copy}; 'of peak' is of the first, in training."


def _named(axes: Axes, *leave_out: str) -> str:
    """The model, with the axes that tell its curves apart."""
    return str(axes["model"]) + _apart(axes, *leave_out)


def _apart(axes: Axes, *leave_out: str) -> str:
    shown = {k: v for k, v in axes.items() if k in ("dtype", "device", "threads") and k not in leave_out}
    return f" ({', '.join(f'{k} {v}' for k, v in shown.items())})" if shown else ""


def _unvaried(records: Sequence[Record]) -> tuple[str, ...]:
    """Axes with one value only, which need no mention."""
    names = ("dtype", "device", "threads")
    return tuple(n for n in names if len({r.axes.get(n) for r in records if n in r.axes}) < 2)


def _pass(metric: str) -> str:
    return metric.removesuffix("_time")


def _crossing_lines(records: Sequence[Record]) -> Iterator[str]:
    skip = _unvaried(records)
    for record in (r for r in records if r.metric == "crossing" and r.axes["of"] != "backward_time"):
        axes = record.axes
        what = f"{_pass(str(axes['of']))}: {_named(axes, *skip)} and {BASELINE}"
        if record.median is not None:
            reason = f" ({record.details['reason']})" if record.details.get("reason") else ""
            yield f"Crossing, {what} take the same time at seq_len {interval(record)}{reason}."
            continue
        span = f"{axes['seq_len_from']:.0f} to {axes['seq_len_to']:.0f}"
        side = record.details.get("everywhere")
        if side in ("faster", "slower"):
            yield f"Crossing, {what}: outside the measured range; {axes['model']} is {side} at every seq_len from {span}."
        else:
            yield f"Crossing, {what}: undecided; most rounds show none within {span}."


def _exponent_lines(records: Sequence[Record]) -> Iterator[str]:
    skip = _unvaried(records)
    found = [r for r in records if r.metric == "exponent" and r.axes["of"] == "train_time"]
    for key in dict.fromkeys((r.axes["seq_len_from"], r.axes["seq_len_to"]) for r in found):
        same = [r for r in found if (r.axes["seq_len_from"], r.axes["seq_len_to"]) == key]
        listed = "; ".join(f"{_named(r.axes, *skip)} {interval(r)}" for r in same)
        yield f"Growth of training time, b in seq_len^b from {key[0]:.0f} to {key[1]:.0f}: {listed}."


def _claims(records: Sequence[Record]) -> Iterator[str]:
    yield from _claim_faster(records)
    yield from _claim_growth(records)
    yield from _claim_memory(records)
    yield from _claim_parallel(records)
    yield from _claim_loop(records)


def _recurrent(records: Iterable[Record]) -> list[Record]:
    """Records of recurrent models in the device's own kernel: a Python loop says nothing of recurrence."""
    return [r for r in records if _family(r) == "recurrent" and r.axes["model"] != "lstm-cell"]


def _family(record: Record) -> str:
    return find(str(record.axes["model"])).family


def _claim_faster(records: Sequence[Record]) -> Iterator[str]:
    """Claim: attention trains faster than recurrence. Per curve: where the ratio's interval is above and below 1."""
    skip = _unvaried(records)
    ratios = _recurrent(r for r in records if r.metric == "ratio" and r.axes["of"] == "train_time")
    curves: dict[Group, list[Record]] = {}
    for record in ratios:
        curves.setdefault(_without(record.axes, "seq_len", "of"), []).append(record)
    for group, curve in curves.items():
        sides: dict[str, list[str]] = {"above": [], "below": [], "undecided": []}
        for record in sorted(curve, key=_seq_len):
            result = Estimate(record.median or 0, record.low, record.high, len(record.samples))
            sides[stats.side_of(result, 1.0)].append(str(record.axes["seq_len"]))
        words = (("above", "holds"), ("below", "does not hold here"), ("undecided", "undecided"))
        parts = [f"{word} at seq_len {', '.join(sides[side])}" for side, word in words if sides[side]]
        yield f'Claim "attention trains faster than {_named(dict(group), *skip)}": {"; ".join(parts)}.'


def _claim_growth(records: Sequence[Record]) -> Iterator[str]:
    """Claim: with length attention's time grows faster than a recurrence's. Disjoint intervals of exponents decide."""
    skip = _unvaried(records)
    found = [r for r in records if r.metric == "exponent" and r.axes["of"] == "train_time"]
    baselines = {_without(r.axes, "model"): r for r in found if r.axes["model"] == BASELINE}
    for record in _recurrent(found):
        base = baselines.get(_without(record.axes, "model"))
        if base is None:
            continue
        text = f"{interval(base)} against {interval(record)}"
        name = _named(record.axes, *skip)
        yield f'Claim "attention\'s time grows faster with length than {name}\'s": {_above(base, record)} ({text}).'


def _above(larger: Record, smaller: Record) -> str:
    """Whether the first interval lies above the second."""
    if larger.low is None or larger.high is None or smaller.low is None or smaller.high is None:
        return "undecided"
    if larger.low > smaller.high:
        return "holds"
    return "does not hold here" if larger.high < smaller.low else "undecided"


def _claim_memory(records: Sequence[Record]) -> Iterator[str]:
    """Claim: attention's memory grows with the square of the length. From the last doubling that is large enough to trust."""
    peaks = [r for r in records if r.metric == "peak_memory" and r.ok and r.axes["pass"] == "train"]
    curves: dict[Group, list[Record]] = {}
    for record in peaks:
        curves.setdefault(_without(record.axes, "seq_len"), []).append(record)
    skip = _unvaried(records)
    for group, curve in curves.items():
        last = sorted(curve, key=_seq_len)[-2:]
        if _family(curve[0]) != "attention" or len(last) < 2 or min(r.median or 0 for r in last) < 4 * units.MIB:
            continue
        growth = stats.exponents([_seq_len(r) for r in last], _by_round(last))
        result = stats.estimate(growth)
        verdict = "undecided"
        if result.low is not None and result.high is not None:
            near = [e for e in (_LINEAR, _QUADRATIC) if e - 0.25 < result.low and result.high < e + 0.25]
            verdict = {(_QUADRATIC,): "holds", (_LINEAR,): "does not hold here"}.get(tuple(near), "undecided")
        span = f"{_seq_len(last[0]):.0f} to {_seq_len(last[1]):.0f}"
        name = _named(dict(group), *skip)
        yield f'Claim "attention needs memory that grows with seq_len^2", {name}: {verdict} (exponent {interval(result)}, {span}).'


def _claim_parallel(records: Sequence[Record]) -> Iterator[str]:
    """Claim: attention gains from more threads and recurrence does not. Speed-up from the fewest to the most threads."""
    counts = sorted({int(r.axes["threads"] or 0) for r in records if r.metric == "train_time"})
    if len(counts) < 2:
        return
    few, many = counts[0], counts[-1]
    times = _measured(records, "train_time")
    longest = max(_seq_len(r) for r in times) if times else 0
    pairs: dict[Group, dict[int, Record]] = {}
    for record in (r for r in times if _seq_len(r) == longest):
        pairs.setdefault(_without(record.axes, "threads"), {})[int(record.axes["threads"] or 0)] = record
    for group, by_threads in pairs.items():
        if few in by_threads and many in by_threads:
            result = stats.ratio(by_threads[few].values, by_threads[many].values)
            if result is not None:
                verdict = {"above": "faster", "below": "slower", "undecided": "no difference shown"}[stats.side_of(result, 1)]
                name = dict(group)["model"]
                yield f"Parallelism, {name} at seq_len {longest:.0f}: {few} to {many} threads, speed-up {interval(result)}: {verdict}."


def _claim_loop(records: Sequence[Record]) -> Iterator[str]:
    """What a Python loop over cells adds to the same LSTM."""
    times = {_without(r.axes, "model"): r for r in _measured(records, "train_time", model="lstm")}
    loops = sorted(_measured(records, "train_time", model="lstm-cell"), key=_seq_len)
    for loop in loops[-1:]:
        fused = times.get(_without(loop.axes, "model"))
        result = stats.ratio(loop.values, fused.values) if fused else None
        if result is not None:
            yield (
                f"The same LSTM as a Python loop over cells (lstm-cell) takes {interval(result)} times as long "
                f"at seq_len {_seq_len(loop):.0f}: launch overhead, not recurrence."
            )


# In pictures


def figures(records: Sequence[Record]) -> list[Figure]:
    """Time over seq_len for each metric, with crossings of models and `attention`; memory over seq_len."""
    titles = {"forward_time": "Forward pass", "backward_time": "Backward pass", "train_time": "Training pass"}
    shown = [_time_figure(records, metric, title) for metric, title in titles.items()]
    shown += [_memory_figure(records, name) for name in ("forward", "train")]
    return [figure for figure in shown if figure.series]


def _time_figure(records: Sequence[Record], metric: str, title: str) -> Figure:
    series = _series(_measured(records, metric), records)
    marks = [
        Mark(f"{r.axes['model']} = {BASELINE} at {units.significant(r.median or 0)}", r.median or 0, y)
        for r in records
        if r.metric == "crossing" and r.median is not None and r.axes["of"] == metric
        for y in [_height(series, BASELINE, r.median)]
        if y is not None
    ]
    return Figure(metric, f"{title}: time over seq_len", "seq_len (tokens)", "ms", series, marks, 1e3)


def _memory_figure(records: Sequence[Record], name: str) -> Figure:
    peaks = [r for r in _measured(records, "peak_memory", **{"pass": name}) if r.median]
    title = f"{name.capitalize()} pass: peak memory above the start"
    return Figure(f"peak_memory_{name}", title, "seq_len (tokens)", "MiB", _series(peaks, records), [], 1 / units.MIB)


def _series(measured: Sequence[Record], records: Sequence[Record]) -> list[Series]:
    skip = _unvaried(records)
    curves: dict[Group, list[Record]] = {}
    for record in measured:
        curves.setdefault(_without(record.axes, "seq_len"), []).append(record)
    return [_line(_label(dict(g), curves, skip), sorted(curve, key=_seq_len)) for g, curve in curves.items()]


def _label(axes: Axes, curves: dict[Group, list[Record]], skip: tuple[str, ...]) -> str:
    """The model, and every axis in which the curves of this figure differ."""
    varying = [n for n in axes if n != "model" and len({dict(g)[n] for g in curves}) > 1]
    return " ".join([str(axes["model"]), *(f"{n} {axes[n]}" for n in varying)])


def _line(label: str, curve: Sequence[Record]) -> Series:
    lengths = [_seq_len(record) for record in curve]
    medians = [record.median or 0.0 for record in curve]
    return Series(label, lengths, medians, [r.low for r in curve], [r.high for r in curve], "lstm-cell" in label)


def _height(series: Sequence[Series], label: str, x: float) -> float | None:
    """The y of the labelled line at x, interpolated in log-log."""
    import math

    line = next((s for s in series if s.label == label), None)
    if line is None:
        return None
    for (x0, y0), (x1, y1) in zip(zip(line.x, line.y, strict=True), zip(line.x[1:], line.y[1:], strict=True), strict=False):
        if x0 <= x <= x1:
            share = math.log(x / x0) / math.log(x1 / x0)
            return math.exp(math.log(y0) + share * math.log(y1 / y0))
    return None

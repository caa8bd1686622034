"""What `scaling` reads out of its records: exponents, laws of growth, speed-ups, crossings and verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from rnn_vs_attn.models.costs import Shape
from rnn_vs_attn.models.registry import BASELINE, LINEAR, RECURRENT, RESTRICTED, SELF_ATTENTION, ModelSpec, find
from rnn_vs_attn.records.query import Group, derived, measured, rate, record_at, share, without
from rnn_vs_attn.records.types import Metric, Record
from rnn_vs_attn.report.curves import Axes, by_round, crossing, curves
from rnn_vs_attn.stats import growth, intervals
from rnn_vs_attn.stats.intervals import Estimate
from rnn_vs_attn.suites.scaling import claims

LAYER, MIXING, GRAPH, ROUTE = "layer", "mixing", "graph", "route"
TIMES = ("forward_time", "train_time")
PASSES = ("forward", "train")
LEAST_POINTS = 3  # of a fit
OCTAVES = 3  # below the largest size, that a fit of times takes in: the leading term is largest there
DOMINANT = 0.9  # of a layer's FLOPs, where the table's term is one of several
BENT = 0.15  # between the exponents of the lower and the upper half, beyond which a fit is not straight
MOST_POSITIONS = 1 << 30
_ORDER = {growth.CONSTANT: 0, growth.LOGARITHMIC: 1, growth.LINEAR: 2}  # from the slowest law on

EXPONENT = Metric("exponent", "1", "none", title="b of y = a * size**b")
LAW = Metric("growth", "text", "none", exact=True, title="how a count grows with seq_len: 1, log n or n")
CROSSING = Metric("crossing", "1", "none", title="the seq_len from which attention takes longer")
FLOP_CROSSING = Metric(
    "flop_crossing", "1", "none", exact=True, title="the smallest seq_len at which attention has more FLOPs"
)
SPEED_UP = Metric("speed_up", "1", "higher", title="time with the fewest threads / time with these")
EFFICIENCY = Metric("efficiency", "1", "higher", title="speed_up / (these threads / the fewest)")
SERIAL_FRACTION = Metric("serial_fraction", "1", "lower", title="Amdahl's, by least squares over all threads")
VERDICT = Metric("verdict", "text", "none", title="what became of a claim")
METRICS = (EXPONENT, LAW, CROSSING, FLOP_CROSSING, SPEED_UP, EFFICIENCY, SERIAL_FRACTION, VERDICT)


def crosses(spec: ModelSpec) -> bool:
    """Whether it is asked where attention becomes the dearer one: of recurrences and of a user's own modules."""
    return spec.layer_type in (RECURRENT, LINEAR) or spec.family == "user"


def spec_of(record: Record) -> ModelSpec:
    return find(str(record.axes["model"]))


def derive(records: Sequence[Record]) -> list[Record]:
    """All that is stored beside what was measured."""
    found = [
        *_time_exponents(records),
        *_flop_exponents(records),
        *_laws(records),
        *_flop_crossings(records),
        *_crossings(records),
        *_speed_ups(records),
    ]
    return [*found, *_verdicts([*records, *found])]


# Which records a fit is through


def alone(records: Sequence[Record], metric: str, part: str, **axes: Any) -> list[Record]:
    """Records of a part with the fewest threads."""
    found = measured(records, metric, part=part, **axes)
    fewest = min((_number(r, "threads") for r in found), default=0)
    return [r for r in found if _number(r, "threads") == fewest]


def _number(record: Record, axis: str) -> int:
    return int(record.axes[axis] or 0)


def along(records: Sequence[Record], axis: str) -> list[list[Record]]:
    """Curves over one axis, the other one fixed: widths at the longest length, lengths at the middle width."""
    other = "d_model" if axis == "seq_len" else "seq_len"
    values = sorted({_number(r, other) for r in records})
    if not values:
        return []
    at = values[len(values) // 2] if other == "d_model" else values[-1]
    groups: dict[Group, list[Record]] = {}
    for record in records:
        if _number(record, other) == at:
            groups.setdefault(without(record.axes, axis), []).append(record)
    return [sorted(curve, key=lambda r: _number(r, axis)) for curve in groups.values()]


# Exponents


def _time_exponents(records: Sequence[Record]) -> Iterator[Record]:
    for metric in TIMES:
        for part in (LAYER, MIXING):
            timed = alone(records, metric, part)
            for axis in ("seq_len", "d_model"):
                for curve in along(timed, axis):
                    yield from _time_exponent(records, curve, axis)


def _time_exponent(records: Sequence[Record], curve: Sequence[Record], axis: str) -> Iterator[Record]:
    """Over the upper octaves, and there where the term that the table is about has nearly all of the FLOPs."""
    largest = _number(curve[-1], axis)
    upper = [r for r in curve if _number(r, axis) * 2**OCTAVES >= largest]
    used = [r for r in upper if _dominated(records, r)]
    if len(used) < LEAST_POINTS:
        return
    sizes = [float(_number(r, axis)) for r in used]
    found = intervals.exponents(sizes, by_round(used))
    axes: Axes = dict(without(used[0].axes, axis))
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
    sizes = [_number(r, axis) for r in curve]
    found = growth.exponent(sizes, counts)
    if found is None:
        return
    axes: Axes = dict(without(curve[0].axes, axis, "pass"))
    axes |= {"of": name, "in": axis, "from": sizes[0], "to": sizes[-1]}
    value, exact = found
    result = intervals.estimate([value], exact=True)
    yield derived(EXPONENT, curve[0].suite, axes, [value], result, **({} if exact else {"fitted": True}))


# Growth of counts


def _laws(records: Sequence[Record]) -> Iterator[Record]:
    chains = list(_laws_of(records, "sequential_operations", GRAPH))
    yield from chains
    for path in _laws_of(records, "path_length", ROUTE):
        chain = next((law for law in chains if law.axes["model"] == path.axes["model"]), None)
        reason = _doubt(path, chain, [r for r in records if r.metric == "path_length" and not r.ok])
        doubted = {"text": claims.UNDECIDED, "reason": reason} if reason else {}
        yield replace(path, details=path.details | doubted)


def _laws_of(records: Sequence[Record], metric: str, part: str) -> Iterator[Record]:
    for group, curve in curves(measured(records, metric, part=part)).items():
        if part == GRAPH:  # powers of two, so that the levels of a tree are alike
            curve = [r for r in curve if _number(r, "seq_len").bit_count() == 1]
        if not curve:
            continue
        lengths = [_number(r, "seq_len") for r in curve]
        counts = [int(r.median or 0) for r in curve]
        axes: Axes = dict(group) | {"of": metric, "from": lengths[0], "to": lengths[-1]}
        details: dict[str, Any] = {"lengths": lengths, "counts": counts}
        if any(r.details.get("at_least") for r in curve):
            details["at_least"] = True
        if all(r.details.get("in_chain") for r in curve) and len({r.details["layers"] for r in curve}) == 1:
            details["in_chain"] = True
        found = growth.law(lengths, counts) or claims.UNDECIDED
        yield derived(LAW, curve[0].suite, axes, [], None, text=found, **details)


def _doubt(path: Record, chain: Record | None, unknown: Sequence[Record]) -> str:
    """Why the growth of a path is undecided although its counts follow a law: they are over few positions, and are
    lower bounds where a module looks both ways. Chains are counted over many, and show where a module works in blocks.
    """
    if path.text == claims.UNDECIDED:
        return ""
    beyond = next((w for r in unknown if r.axes["model"] == path.axes["model"] for w in r.warnings), "")
    if path.text != growth.LINEAR and beyond:
        return beyond
    if chain is None or len(chain.details["counts"]) < growth.LEAST_LENGTHS:
        return "they are over few positions only, and its chain is unknown"
    counts, lengths = chain.details["counts"], chain.details["lengths"]
    here = [c for c, n in zip(counts, lengths, strict=True) if n <= max(lengths[1], path.details["lengths"][-1])]
    if path.text != growth.LINEAR and here[0] == here[-1] != counts[-1]:
        return "its chain begins to grow at lengths beyond these, as where a module works in blocks"
    if chain.text == claims.UNDECIDED:
        told = f"{', '.join(map(str, counts))} at n = {', '.join(map(str, lengths))}"
        return f"{grows(path.text)} up to there, but its chain does not follow one law to n = {lengths[-1]}: {told}"
    if path.details.get("in_chain") and _ORDER[path.text] > _ORDER[chain.text]:
        return f"{grows(path.text)} up to there, but it is no longer than its chain, which is {grows(chain.text)}"
    if path.details.get("at_least") and path.text != growth.LINEAR and chain.text != path.text:
        return "it looks both ways, so these are lower bounds, and its chain grows otherwise"
    return ""


def grows(law: str) -> str:
    """What is said of counts that follow a law."""
    return "constant" if law == growth.CONSTANT else f"grows as {law}"


# Where length meets width


def _crossings(records: Sequence[Record]) -> Iterator[Record]:
    for metric in TIMES:
        found = curves(alone(records, metric, LAYER))
        bases = {without(dict(g), "model"): curve for g, curve in found.items() if dict(g)["model"] == BASELINE}
        for group, curve in found.items():
            base = bases.get(without(dict(group), "model"))
            if base is not None and crosses(spec_of(curve[0])):
                record = crossing(CROSSING, curve, base)
                if record is not None:
                    yield record


def _flop_crossings(records: Sequence[Record]) -> Iterator[Record]:
    for name in PASSES:
        found = curves(alone(records, "flops", LAYER, **{"pass": name}))
        bases = {without(dict(g), "model"): curve for g, curve in found.items() if dict(g)["model"] == BASELINE}
        for group, curve in found.items():
            base = bases.get(without(dict(group), "model"))
            if base is None or not crosses(spec_of(curve[0])):
                continue
            for way, value in (("formula", _by_formula(curve[0], name)), ("count", _by_count(curve, base))):
                if value is not None:
                    axes: Axes = dict(group) | {"by": way}
                    result = intervals.estimate([float(value)], exact=True)
                    yield derived(FLOP_CROSSING, curve[0].suite, axes, [float(value)], result)


def _by_count(curve: Sequence[Record], base: Sequence[Record]) -> int | None:
    """Of the polynomials through the counts at the lengths of this run."""
    lengths = sorted({_number(r, "seq_len") for r in curve} & {_number(r, "seq_len") for r in base})
    theirs, ours = ([int(r.median or 0) for r in c if _number(r, "seq_len") in lengths] for c in (base, curve))
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


# Threads


def _speed_ups(records: Sequence[Record]) -> Iterator[Record]:
    """At the longest length and the largest width, formed within rounds."""
    for metric in TIMES:
        groups: dict[Group, list[Record]] = {}
        for record in measured(records, metric, part=LAYER):
            groups.setdefault(without(record.axes, "threads"), []).append(record)
        for group, found in groups.items():
            found.sort(key=lambda r: _number(r, "threads"))
            if len(found) > 1:
                yield from _speed_up(group, found)


def _speed_up(group: Group, found: Sequence[Record]) -> Iterator[Record]:
    first, counts = found[0], [_number(r, "threads") for r in found]
    for record, count in zip(found[1:], counts[1:], strict=True):
        result = intervals.ratio(first.samples, record.samples)
        if result is None:
            continue
        axes = record.axes | {"of": record.metric}
        ratios = [a / b for a, b in zip(first.samples, record.samples, strict=False) if a is not None and b]
        more = count / counts[0]
        yield derived(SPEED_UP, record.suite, axes, list(ratios), result)
        yield derived(
            EFFICIENCY, record.suite, axes, [r / more for r in ratios], intervals.estimate([r / more for r in ratios])
        )
    if len(found) >= LEAST_POINTS:
        fractions = [serial_fraction([c / counts[0] for c in counts], times) for times in by_round(found)]
        if fractions:
            axes = dict(group) | {"of": first.metric, "from": counts[0], "to": counts[-1]}
            yield derived(SERIAL_FRACTION, first.suite, axes, list(fractions), intervals.estimate(fractions))


def serial_fraction(threads: Sequence[float], times: Sequence[float]) -> float:
    """s of T(p) / T(1) = s + (1 - s) / p by least squares; the first of `threads` is 1. Source: Amdahl 1967."""
    x = [1 - 1 / p for p in threads]
    y = [t / times[0] - 1 / p for t, p in zip(times, threads, strict=True)]
    return sum(a * b for a, b in zip(x, y, strict=True)) / sum(a * a for a in x)


# Verdicts


def _verdicts(records: Sequence[Record]) -> Iterator[Record]:
    models = dict.fromkeys(str(r.axes["model"]) for r in records if "model" in r.axes)
    for model in models:
        row = claims.row_of(find(model).layer_type)
        mine = [r for r in records if r.axes.get("model") == model]
        if row is not None and mine:
            yield from _of_row(mine, row)
        yield from _of_lesson(mine)
    for record in (r for r in records if r.metric in (CROSSING.name, FLOP_CROSSING.name)):
        yield _of_crossing(record)


def _of_row(mine: Sequence[Record], row: claims.Row) -> Iterator[Record]:
    for axis, claimed in row.exponents.items():
        found = table_exponent(mine, axis)
        result = None if found is None or found.median is None else _estimate(found)
        yield _verdict(mine[0], f"exponent of {axis}", claims.of_exponent(claimed, result), f"{claimed:g}", found)
    for metric, law in (("sequential_operations", row.sequential_law), ("path_length", row.path_law)):
        grows = law_of(mine, metric)
        yield _verdict(mine[0], metric, claims.of_law(law, _decided(grows)), law, grows)


def _decided(law: Record | None) -> str | None:
    return None if law is None or law.text == claims.UNDECIDED else law.text


def _of_lesson(mine: Sequence[Record]) -> Iterator[Record]:
    """ "A recurrence cannot be parallelised over the sequence", of its chain; "attention gains from threads"."""
    spec = spec_of(mine[0])
    law = law_of(mine, "sequential_operations")
    if spec.layer_type in (RECURRENT, LINEAR) and law is not None:
        yield _verdict(mine[0], "a recurrence is sequential", claims.of_law(growth.LINEAR, _decided(law)), "n", law)
    gained = most_threads(mine, "train_time")
    if gained is not None and spec.layer_type:
        gains = spec.layer_type not in (RECURRENT,)
        word = "gains from threads" if gains else "gains nothing from threads"
        yield _verdict(mine[0], word, claims.of_gain(gains, _estimate(gained)), "", gained)


def _of_crossing(record: Record) -> Record:
    """ "Self-attention is cheaper while n < d"."""
    width = float(record.axes["d_model"] or 0)
    if record.metric == FLOP_CROSSING.name:
        verdict = claims.of_crossing(width, record.low, record.high)
    elif float(record.axes["seq_len_from"] or 0) >= width or record.details.get("reason"):
        verdict = claims.UNDECIDED  # no n below d was measured, or too few rounds
    elif record.details.get("several"):
        verdict = claims.UNDECIDED
    else:
        verdict = claims.of_crossing(width, *cheaper_and_dearer(record))
    return _verdict(record, crossing_claim(record), verdict, f"{width:g}", record)


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


def crossing_claim(record: Record) -> str:
    """What a claim about one crossing is called."""
    what = record.metric + (f" by {record.axes['by']}" if "by" in record.axes else "")
    return f"cheaper while n < d, {what}, {record.axes.get('of') or record.axes.get('pass')}"


def _verdict(about: Record, claim: str, verdict: str, claimed: str, found: Record | None) -> Record:
    axes: Axes = {"model": about.axes["model"], "claim": claim}
    if found is not None and found.metric in (CROSSING.name, FLOP_CROSSING.name):
        axes["d_model"] = found.axes["d_model"]
    return derived(VERDICT, about.suite, axes, [], None, text=verdict, claimed=claimed)


def _estimate(record: Record) -> Estimate:
    return Estimate(record.median or 0.0, record.low, record.high, len(record.samples))


# Finding what was derived


def table_exponent(mine: Sequence[Record], axis: str, of: str = "forward_time") -> Record | None:
    """The exponent that the table's cell is about: of what attention does between its projections, of other layers
    whole.
    """
    found = [r for r in mine if r.metric == EXPONENT.name and r.axes["of"] == of and r.axes["in"] == axis]
    return next((r for part in (MIXING, LAYER) for r in found if r.axes["part"] == part), None)


def law_of(mine: Sequence[Record], metric: str) -> Record | None:
    return next((r for r in mine if r.metric == LAW.name and r.axes["of"] == metric), None)


def most_threads(mine: Sequence[Record], of: str) -> Record | None:
    """The speed-up with the most threads."""
    found = [r for r in mine if r.metric == SPEED_UP.name and r.axes["of"] == of]
    return max(found, key=lambda r: _number(r, "threads"), default=None)


# For the table


def expand(records: Sequence[Record]) -> list[Record]:
    """FLOP/s of each pass and its share of the machine's own peak, formed within rounds."""
    found: list[Record] = []
    for name, metric in zip(PASSES, TIMES, strict=True):
        for time in measured(records, metric):
            flops = record_at(records, "flops", time.axes | {"pass": name})
            if flops is None or not flops.median:
                continue
            speed = rate(time, "flops_per_second", flops.median)
            where = {axis: time.axes[axis] for axis in ("device", "dtype", "threads")}
            parts = share(speed, record_at(records, "peak_flops", where), "flops_fraction")
            found += [replace(part, axes=part.axes | {"pass": name}) for part in parts]
    return found


def sort_key(records: Sequence[Record]) -> Callable[[str], int]:
    """Models in the order of the table's rows, then in that of the records."""
    order = [row.layer_type for row in claims.ROWS]
    names = list(dict.fromkeys(str(r.axes["model"]) for r in records if "model" in r.axes))

    def key(model: str) -> int:
        kind = find(model).layer_type
        return (order.index(kind) if kind in order else len(order)) * len(names) + names.index(model)

    return key

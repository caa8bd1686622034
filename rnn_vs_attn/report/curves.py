"""Records over seq_len as curves: one a case with all else equal, where two of them cross, and as lines of a figure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from statistics import median
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.records.query import Group, derived, without
from rnn_vs_attn.records.types import Axes, AxisValue, Metric, Record
from rnn_vs_attn.report.plots import Mark, Series
from rnn_vs_attn.stats import crossings, intervals


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


def beside(records: Iterable[Record], base: str) -> Iterator[tuple[list[Record], list[Record]]]:
    """The curve of each other model and that of `base` with all else equal, where there is one."""
    found = curves(records)
    bases = {without(dict(group), "model"): curve for group, curve in found.items() if dict(group)["model"] == base}
    for group, curve in found.items():
        theirs = bases.get(without(dict(group), "model"))
        if theirs is not None and theirs is not curve:
            yield curve, theirs


def crossing(metric: Metric, curve: Sequence[Record], base: Sequence[Record], each_round: bool = True) -> Record | None:
    """Where two curves have the same value; None with less than two common lengths.

    The record's axes are those of `curve` with `of`, seq_len_from and seq_len_to. Its details say over which lengths it
    is settled whether `curve` is the faster one (stretches: that word and both ends), whether that is so at all of them
    (everywhere), and which model is the faster one beyond a crossing (faster_beyond). each_round: whether its samples
    are wanted, the crossings of single rounds.
    """
    common = {seq_len_of(r) for r in curve} & {seq_len_of(r) for r in base}
    if len(common) < 2:
        return None
    curve, base = ([r for r in c if seq_len_of(r) in common] for c in (curve, base))
    lengths = [seq_len_of(record) for record in curve]
    rounds = [values for values in by_round([*curve, *base]) if min(values) > 0]
    ours, theirs = ([values[part] for values in rounds] for part in (slice(len(lengths)), slice(len(lengths), None)))
    found = crossings.crossing(lengths, ours, theirs)
    axes: dict[str, AxisValue] = dict(without(curve[0].axes, "seq_len"))
    axes |= {"of": curve[0].metric, "seq_len_from": lengths[0], "seq_len_to": lengths[-1]}
    pairs = zip(ours, theirs, strict=True) if each_round else ()
    each = [crossings.crossing(lengths, [mine], [other]).at for mine, other in pairs]
    result = None if found.at is None else intervals.Estimate(found.at, found.low, found.high, found.rounds)
    details = _crossing_details(found)
    if found.at is not None:
        ahead = median(mine[-1] / other[-1] for mine, other in zip(ours, theirs, strict=True)) < 1
        details["faster_beyond"] = axes["model"] if ahead else base[0].axes["model"]
    return derived(metric, curve[0].suite, axes, each, result, **details)


def _crossing_details(found: crossings.Crossing) -> dict[str, Any]:
    words = {True: "faster", False: "slower"}
    details: dict[str, Any] = {"stretches": [[words[s.lower], s.start, s.end] for s in found.stretches]}
    if found.reason:
        details["reason"] = found.reason
    elif found.everywhere is not None:
        details["everywhere"] = words[found.everywhere]
    elif found.several:
        details["several"] = True
    return details


# In words

SETTINGS = ("batch_size", "d_model", "num_heads", "num_layers", "dtype", "device", "threads")


def interval(
    record: Record | intervals.Estimate,
    write: Callable[[float], str] = units.significant,
    lacking: str = " (no interval)",
) -> str:
    """ "1.23 [1.20, 1.27]"; lacking: what stands behind a median without an interval."""
    assert record.median is not None
    if record.low is None or record.high is None:
        return f"{write(record.median)}{lacking}"
    return f"{write(record.median)} [{write(record.low)}, {write(record.high)}]"


UNSETTLED = "too nearly parallel, or too noisy, to tell which one is faster at any of them"


def said_of_crossing(record: Record, name: str, at: str, lengths: str) -> str:
    """What is said of where `name` and another model cross; at, lengths: what stands before a length, and for several.

    What is not settled is undecided, with what is: over which lengths it is settled which of them is faster.
    """
    over = f"{record.axes['seq_len_from']:.0f} to {record.axes['seq_len_to']:.0f}"
    reason, known = record.details.get("reason", ""), settled(record, name)
    if record.median is not None:
        said = f"beyond {at} {interval(record, at_length)} {record.details['faster_beyond']} is faster"
        return f"{said}; {reason}" if reason else said
    if record.details.get("everywhere"):
        return f"{name} is {record.details['everywhere']} at every {lengths} from {over}"
    if reason:
        return f"undecided; {reason}" + (f"; so far {known}" if known else "")
    if record.details.get("several"):
        return f"undecided; they cross more than once within {over}: {known}"
    return f"undecided within {over}; " + (f"settled is that {known}" if known else UNSETTLED)


def stretches(record: Record) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Of a crossing, "faster" or "slower" with the ends of the lengths over which that is settled, in order."""
    found = record.details.get("stretches", ())
    for word, alike in itertools.groupby(found, key=lambda stretch: str(stretch[0])):
        yield word, [(start, end) for _, start, end in alike]


def settled(record: Record, name: str) -> str:
    """Over which lengths it is settled whether `name` is faster or slower; "" over none."""
    parts = [f"{word} {units.in_a_row([span(record, *ends) for ends in spans])}" for word, spans in stretches(record)]
    return f"{name} is {', '.join(parts)}" if parts else ""


def span(record: Record, start: float, end: float, before: str = "") -> str:
    """A stretch of lengths; before: what stands before a length."""
    first, last = start == record.axes["seq_len_from"], end == record.axes["seq_len_to"]
    if first and last:
        return f"from {before}{start:.0f} to {end:.0f}"
    if first:
        return f"up to {before}{at_length(end)}"
    return f"from {before}{at_length(start)} " + ("on" if last else f"to {at_length(end)}")


def at_length(value: float) -> str:
    """A length in all of its digits; between two that were measured three do."""
    return f"{value:.0f}" if value == round(value) else units.significant(value)


def unvaried(records: Sequence[Record]) -> tuple[str, ...]:
    """Settings with one value only, which need no mention."""
    return tuple(n for n in SETTINGS if len({r.axes.get(n) for r in records if n in r.axes}) < 2)


def where_it_holds(records: Iterable[Record], name: Callable[[Axes], str]) -> str:
    """What `name` says of each curve, and the lengths at which its record holds; "" where none does."""
    lengths: dict[str, list[str]] = {}
    for record in records:
        at = str(record.axes["seq_len"])
        if record.holds and at not in (found := lengths.setdefault(name(record.axes), [])):
            found.append(at)
    return "; ".join(f"{case} at seq_len {', '.join(found)}" for case, found in lengths.items())


# Lines of a figure


def series(records: Iterable[Record], dashed: Collection[str] = ()) -> list[Series]:
    """A line a curve; those of the models in `dashed` are dashed."""
    found = curves(records)
    return [_line(_label(dict(group), found), curve, dict(group)["model"] in dashed) for group, curve in found.items()]


def _label(axes: Axes, found: dict[Group, list[Record]]) -> str:
    """The model, and every axis in which the curves of this figure differ."""
    varying = [n for n in axes if n != "model" and len({dict(g)[n] for g in found}) > 1]
    return " ".join([str(axes["model"]), *(f"{n} {axes[n]}" for n in varying if axes[n] is not None)])


def _line(label: str, curve: Sequence[Record], dashed: bool) -> Series:
    lengths = [seq_len_of(record) for record in curve]
    medians = [record.median or 0.0 for record in curve]
    return Series(label, lengths, medians, [r.low for r in curve], [r.high for r in curve], dashed)


def marks(records: Iterable[Record], times: Sequence[Record], base: str) -> list[Mark]:
    """Crossings of models and `base`, each at the height of base's curve."""
    found = []
    for record in (r for r in records if r.metric == "crossing" and r.median is not None):
        height = _height(record, times, base)
        if record.median is not None and height is not None:
            found.append(Mark(f"{record.axes['model']} = {base} at {at_length(record.median)}", record.median, height))
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

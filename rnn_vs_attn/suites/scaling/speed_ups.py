"""Speed-ups of `scaling`: what more threads bring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnn_vs_attn.records.query import Group, derived, measured, without
from rnn_vs_attn.records.types import Metric, Record
from rnn_vs_attn.report.curves import by_round
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.suites.scaling.case import LAYER
from rnn_vs_attn.suites.scaling.choosing import TIMES, size

LEAST_COUNTS = 3  # of threads, for Amdahl's fraction
SPEED_UP = Metric("speed_up", "1", "higher", title="time with the fewest threads / time with these")
EFFICIENCY = Metric("efficiency", "1", "higher", title="speed_up / (these threads / the fewest)")
SERIAL_FRACTION = Metric("serial_fraction", "1", "lower", title="Amdahl's, by least squares over all threads")


def speed_ups(records: Sequence[Record]) -> Iterator[Record]:
    """At the longest length and the largest width, formed within rounds, over the fewest threads of the run."""
    for metric in TIMES:
        groups: dict[Group, list[Record]] = {}
        timed = measured(records, metric, part=LAYER)
        fewest = min((size(r, "threads") for r in timed), default=0)
        for record in timed:
            groups.setdefault(without(record.axes, "threads"), []).append(record)
        for group, found in groups.items():
            found.sort(key=lambda r: size(r, "threads"))
            if len(found) > 1 and size(found[0], "threads") == fewest:
                yield from _speed_up(group, found)


def _speed_up(group: Group, found: Sequence[Record]) -> Iterator[Record]:
    first, counts = found[0], [size(r, "threads") for r in found]
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
    if len(found) >= LEAST_COUNTS:
        fractions = [serial_fraction([c / counts[0] for c in counts], times) for times in by_round(found)]
        if fractions:
            axes = dict(group) | {"of": first.metric, "from": counts[0], "to": counts[-1]}
            yield derived(SERIAL_FRACTION, first.suite, axes, list(fractions), intervals.estimate(fractions))


def serial_fraction(threads: Sequence[float], times: Sequence[float]) -> float:
    """s of T(p) / T(1) = s + (1 - s) / p by least squares; the first of `threads` is 1. Source: Amdahl 1967."""
    x = [1 - 1 / p for p in threads]
    y = [t / times[0] - 1 / p for t, p in zip(times, threads, strict=True)]
    return sum(a * b for a, b in zip(x, y, strict=True)) / sum(a * a for a in x)


def most_threads(mine: Sequence[Record], of: str) -> Record | None:
    """The speed-up with the most threads."""
    found = [r for r in mine if r.metric == SPEED_UP.name and r.axes["of"] == of]
    return max(found, key=lambda r: size(r, "threads"), default=None)

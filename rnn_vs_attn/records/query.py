"""What suites share when they read new records out of records: choosing some, and making one from one value a round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rnn_vs_attn.records.build import finite
from rnn_vs_attn.records.types import Axes, AxisValue, Metric, Record
from rnn_vs_attn.stats.intervals import Estimate, estimate, ratio

Group = tuple[tuple[str, AxisValue], ...]
OF_MACHINE = ("device", "dtype", "threads")  # axes that the machine's own peaks depend on


def without(axes: Axes, *names: str) -> Group:
    """Axes as a value that can be looked up, some left out."""
    return tuple((k, v) for k, v in axes.items() if k not in names)


def measured(records: Iterable[Record], metric: str, **axes: AxisValue) -> list[Record]:
    """Records of a metric that have a value, at the axes given."""
    return [r for r in records if r.metric == metric and r.ok and axes.items() <= r.axes.items()]


def derived(
    metric: Metric,
    suite: str,
    axes: dict[str, AxisValue],
    samples: Sequence[float | None],
    result: Estimate | None,
    **details: Any,
) -> Record:
    """A record that a suite reads out of others; without a result it has no value, and its details say why."""
    reason = {"reason": result.reason} if result and result.reason else {}
    return Record(
        suite=suite,
        axes=axes,
        metric=metric.name,
        unit=metric.unit,
        better=metric.better,
        exact=metric.exact,
        scale=metric.scale,
        status="ok",
        samples=[finite(value) for value in samples],
        median=finite(result.median) if result else None,
        low=finite(result.low) if result else None,
        high=finite(result.high) if result else None,
        details=reason | details,
    )


def rate(time: Record, metric: Metric, amount: float) -> Record:
    """`amount` a second, formed within rounds from a record of seconds."""
    samples = [None if value is None else amount / value for value in time.samples]
    values = [value for value in samples if value is not None]
    return derived(metric, time.suite, time.axes, samples, estimate(values))


def record_at(records: Sequence[Record], metric: str, axes: Axes) -> Record | None:
    """The record of a metric at exactly these axes."""
    return next((r for r in records if r.metric == metric and r.axes == axes), None)


def share(speed: Record, records: Sequence[Record], name: str, metric: Metric) -> Iterator[Record]:
    """A rate as a part of the machine's own peak of that name in the same round; nothing where that is not known."""
    peak = record_at(records, name, {axis: speed.axes[axis] for axis in OF_MACHINE})
    result = ratio(speed.samples, peak.samples) if peak else None
    if result is not None:
        yield derived(metric, speed.suite, speed.axes, [], result)

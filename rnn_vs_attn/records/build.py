"""From the lines of samples to records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from rnn_vs_attn.records.types import Key, Metric, Record, SampleLine
from rnn_vs_attn.stats import intervals


def build_record(metric: Metric, lines: Sequence[SampleLine]) -> Record:
    """The record of one key from its sample lines, in round order."""
    ordered = sorted(lines, key=lambda line: line.round)
    faults = [line for line in ordered if line.status != "ok"]
    by_round = {line.round: line.value for line in ordered if line.status == "ok"}
    samples = [by_round.get(number) for number in range(max(by_round, default=-1) + 1)]
    zeros = [-math.inf for line in ordered if line.status == "ok" and line.zero]
    values = [*zeros, *(value for value in samples if value is not None)]
    lacking = any(line.status == "ok" and line.value is None and not line.zero for line in ordered)
    # not over those that are left
    result = intervals.estimate(values, metric.exact) if values and not lacking else None
    first = ordered[0]
    return Record(
        suite=first.suite,
        axes=first.axes,
        metric=metric.name,
        unit=metric.unit,
        better=metric.better,
        exact=metric.exact,
        scale=metric.scale,
        status=faults[-1].status if faults else "ok",
        error=faults[-1].error if faults else "",
        warnings=list(dict.fromkeys(w for line in ordered for w in line.warnings)),
        samples=samples,
        median=finite(result.median) if result else None,
        low=finite(result.low) if result else None,
        high=finite(result.high) if result else None,
        zero=result is not None and result.median == -math.inf,
        details=_details(ordered),
    )


def _details(lines: Sequence[SampleLine]) -> dict[str, Any]:
    """Those of all lines, of each name the first one's."""
    found: dict[str, Any] = {}
    for line in lines:
        found = line.details | found
    return found


def finite(value: float | None) -> float | None:
    """The value, None where a file could not hold it."""
    return value if value is not None and math.isfinite(value) else None


def group_lines(lines: Iterable[SampleLine]) -> dict[Key, list[SampleLine]]:
    """Lines by key, in order of first appearance; of two lines of one key and round the later one counts."""
    latest: dict[Key, dict[int, SampleLine]] = {}
    for line in lines:
        latest.setdefault(line.key, {})[line.round] = line
    return {key: list(rounds.values()) for key, rounds in latest.items()}

"""Records of many runs to series: one metric of one case on one machine, run by run, and where its level changed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from rnn_vs_attn import units
from rnn_vs_attn.compare import verdicts
from rnn_vs_attn.compare.runs import Rules, by_case
from rnn_vs_attn.compare.verdicts import FASTER, SAME, SHOWN_LEVEL, SLOWER, Comparison
from rnn_vs_attn.history.runs import Entry, History
from rnn_vs_attn.records.types import Metric, Record
from rnn_vs_attn.stats import change_points, rank_tests

ALPHA = 0.05  # of all marks of a call, the part that may be wrong
_FOR_SPREAD = 0.6745 * math.sqrt(2)  # the median of the distance of two normal values, in standard deviations


@dataclass(frozen=True)
class Point:
    """What one run has of a series. at: the number of its run among all."""

    at: int
    record: Record


@dataclass(frozen=True)
class Change:
    """A level that is another one from a run on. at: the number of that run among all; before, after: runs that lie
    between this change and the ones beside it. comparison: the level after it against the one before it.
    """

    at: int
    before: int
    after: int
    comparison: Comparison


@dataclass(frozen=True)
class Series:
    """One metric of one case on one machine; calibration: of the machine itself.

    least: by how much its level must move, on the scale of its differences. q: the chance of its marks, adjusted for
    all series; 1.0 where there are none to judge.
    """

    meaning: Metric
    machine: int
    calibration: bool
    points: list[Point]
    least: float = 0.0
    changes: list[Change] = field(default_factory=list)
    q: float = 1.0

    @property
    def first(self) -> Record:
        return self.points[0].record

    @property
    def row(self) -> Comparison:
        """Its case and metric, as what tells cases apart takes them."""
        return Comparison.of(self.meaning, self.first.suite, self.first.axes, "")

    @property
    def judged(self) -> bool:
        """Whether it has noise, and enough runs for a mark."""
        return not self.meaning.exact and self.differences is not None and len(self.points) >= 2 * change_points.LEAST

    @property
    def differences(self) -> list[float] | None:
        """The median of each run, more is worse: a logarithm where the scale is a ratio; None where one has none."""
        sign = -1.0 if self.meaning.better == "higher" else 1.0
        medians = [point.record.median or 0.0 for point in self.points]
        if self.meaning.scale != "ratio":
            return [sign * value for value in medians]
        return [sign * math.log(value) for value in medians] if all(value > 0 for value in medians) else None

    @property
    def spread(self) -> float:
        """The standard deviation from run to run, by the distances of neighbours, which a step hardly moves."""
        found = self.differences or []
        gaps = [abs(b - a) for a, b in itertools.pairwise(found)]
        return median(gaps) / _FOR_SPREAD if gaps else 0.0

    def stretches(self) -> list[list[Point]]:
        """Its points from one change to the next."""
        ends = [change.at for change in self.changes]
        numbers = [sum(end <= point.at for end in ends) for point in self.points]
        return [[p for p, n in zip(self.points, numbers, strict=True) if n == i] for i in range(len(ends) + 1)]


def written(value: float, unit: str) -> str:
    """A value as people read it: 4.1e10, "B/s" -> "41.0 GB/s"."""
    return units.scaled(value, unit) if "/" in unit else units.of_unit(value, unit)


def judged(history: History, rules: Rules) -> list[Series]:
    """All series of a history with their changes, those of the machine itself as a family of their own."""
    found = _series(history, rules)
    marked = []
    for calibration in (False, True):
        family = [series for series in found if series.calibration == calibration]
        noisy = [series for series in family if series.judged]
        every = [change_points.divisions(series.differences or [], series.least) for series in noisy]
        places = {id(s): p for s, p in zip(noisy, change_points.changes(every, ALPHA), strict=True)}
        marked += [_marked(series, *places.get(id(series), (_steps(series), 1.0))) for series in family]
    return marked


def _series(history: History, rules: Rules) -> list[Series]:
    points: dict[Any, list[Point]] = {}
    for at, entry in enumerate(history.entries):
        for key, record in _records(entry, rules):
            if record.ok and record.better != "none":
                points.setdefault((key, record.meaning, entry.machine), []).append(Point(at, record))
    return [
        Series(meaning, machine, meaning.name in rules.calibration, found, _least(found, rules))
        for (_, meaning, machine), found in points.items()
    ]


def _least(points: Sequence[Point], rules: Rules) -> float:
    medians = [point.record.median for point in points]
    return verdicts.margin_at(rules.margin, points[0].record.meaning, medians)


def _records(entry: Entry, rules: Rules) -> list[tuple[Any, Record]]:
    """What a run has of models and of the machine, each with what joins it to others."""
    of_models = [record for records in by_case(entry.run, rules).values() for record in records.values()]
    of_machine = [record for record in entry.run.records if record.metric in rules.calibration]
    return [(record.key, record) for record in [*of_models, *of_machine]]


def _steps(series: Series) -> tuple[int, ...]:
    """Of what has no noise, each place where it is another value."""
    if not series.meaning.exact:
        return ()
    values = [point.record.median for point in series.points]
    return tuple(i for i, (a, b) in enumerate(itertools.pairwise(values), start=1) if a != b)


def _marked(series: Series, places: Sequence[int], q: float) -> Series:
    ends = [0, *places, len(series.points)]
    changes = [
        Change(series.points[at].at, at - left, right - at, _comparison(series, left, at, right))
        for left, at, right in zip(ends, ends[1:], ends[2:], strict=False)
    ]
    return replace(series, changes=changes, q=q)


def _comparison(series: Series, left: int, at: int, right: int) -> Comparison:
    """The runs nearest to a change on either side, against each other."""
    begin, end = max(left, at - change_points.NEAREST), min(right, at + change_points.NEAREST)
    old, new = (
        median(p.record.median or 0.0 for p in side) for side in (series.points[begin:at], series.points[at:end])
    )
    meaning, record = series.meaning, series.first
    if meaning.exact:
        return verdicts.exact_row(meaning, record.axes, old, new, 0.0, record.suite)
    every = series.differences or []
    before, after = every[begin:at], every[at:end]
    shift = rank_tests.unpaired_shift(after, before, SHOWN_LEVEL)
    centre, low, high = verdicts.as_change(shift, meaning.better, meaning.scale)
    return Comparison.of(
        meaning,
        record.suite,
        record.axes,
        SLOWER if shift.centre > 0 else FASTER if shift.centre < 0 else SAME,
        baseline=old,
        candidate=new,
        centre=centre,
        low=low,
        high=high,
        values=min(len(before), len(after)),
    )


def in_order_of_weight(found: Sequence[Series]) -> list[Series]:
    """What got worse last and is worse by most first, then what got better, then what did not change; the machine's own
    at the end.
    """

    def weight(series: Series) -> tuple[bool, int, float]:
        if not series.changes:
            return series.calibration, 2, 0.0
        better = series.changes[-1].comparison.verdict != SLOWER
        return series.calibration, int(better), -sum(change.comparison.worsening for change in series.changes)

    return sorted(found, key=weight)

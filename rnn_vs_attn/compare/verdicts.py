"""From two sides' values to a verdict: slower, faster, same or unsure, against a margin, over many cases at once.

A difference is a logarithm of candidate / baseline (of a metric of scale "difference": the plain difference), turned so
that more is worse. One rule decides in `ab` (paired: screen all cases, confirm the flagged ones on fresh pairs) and one
in `compare` (unpaired, one stage); both are exact rank tests against the margin with Holm's correction, so identical
code is called slower in one call in twenty at the very most, however many cases there are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rnn_vs_attn.records.types import Axes, AxisValue, Metric, Record
from rnn_vs_attn.stats import rank_tests
from rnn_vs_attn.stats.rank_tests import Shift

BROKEN, SLOWER, ACCEPTED, FASTER, SAME, UNSURE, MISSING, NEW, FAILED = VERDICTS = (
    "broken",
    "slower",
    "accepted",
    "faster",
    "same",
    "unsure",
    "missing",
    "new",
    "failed",
)
SCREEN = 0.20  # a case goes on to the second stage at this unadjusted tail or below
ALPHA = 0.05  # error rate of the family of all tests of one direction
SAME_LEVEL = 0.90  # two one-sided tests at .05
SHOWN_LEVEL = 0.95  # of intervals in tables
PEAK_RESOLUTION = 256 * 1024  # bytes, to which a peak of resident memory is known: what ran before has a part in it
MOVED_LEVEL = 0.975  # of the intervals of all calibration kernels of a stage together
NO_SLOWER, SLOWER_FOUND, NO_VERDICT, BROKEN_FOUND = 0, 1, 3, 5  # exit codes


@dataclass(frozen=True)
class Comparison:
    """One case's metric in baseline and candidate. centre, low, high: candidate / baseline, or their difference.

    slower is worse by the metric's own direction (more time or memory, less accuracy); broken, in `ab` only, is what
    works in the baseline and not in the candidate, and accepted is what is slower and may be. limit: by how much it may
    be worse, where that is not the margin of the call. stage: 1 or 2 in `ab`. values: pairs, or the fewer of both
    sides' rounds. detectable: the smallest worsening found four times in five.
    undecidable: too few pairs or rounds for any verdict. q: adjusted for the false discovery rate, to explore by.
    """

    suite: str
    axes: dict[str, AxisValue]
    metric: str
    unit: str
    better: str
    exact: bool
    scale: str
    verdict: str
    reason: str = ""
    limit: float | None = None
    baseline: float | None = None
    candidate: float | None = None
    centre: float | None = None
    low: float | None = None
    high: float | None = None
    stage: int | None = None
    values: int = 0
    detectable: float | None = None
    p: float | None = None
    q: float | None = None
    undecidable: bool = False
    details: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, metric: Metric, suite: str, axes: Axes, verdict: str, reason: str = "", **rest: Any) -> Comparison:
        """The comparison of a metric; rest: its other fields."""
        return cls(
            suite=suite,
            axes=dict(axes),
            metric=metric.name,
            unit=metric.unit,
            better=metric.better,
            exact=metric.exact,
            scale=metric.scale,
            verdict=verdict,
            reason=reason,
            **rest,
        )

    @property
    def worsening(self) -> float:
        """How much worse the centre is, on the scale of differences; -inf where there is none."""
        if self.centre is None or (self.scale == "ratio" and self.centre <= 0):
            return -math.inf
        change = math.log(self.centre) if self.scale == "ratio" else self.centre
        return -change if self.better == "higher" else change

    @property
    def added(self) -> bool:
        """Whether it is something that a known case has now, such as a state: no case is new by it."""
        return self.verdict == NEW and self.exact


def exit_code(found: Sequence[Comparison], strict: bool, new_counts: bool) -> int:
    """5 where anything is broken, else 1 where anything is slower, else 3 where there is no verdict, else 0.

    new_counts: a new case is no verdict either.
    """
    verdicts = {c.verdict for c in found if not c.added}
    if BROKEN in verdicts:
        return BROKEN_FOUND
    if SLOWER in verdicts:
        return SLOWER_FOUND
    silent = verdicts & {MISSING, FAILED, *([NEW] if new_counts else []), *([UNSURE] if strict else [])}
    if silent or not found or any(c.undecidable for c in found):
        return NO_VERDICT
    return NO_SLOWER


def margin_of(margin: float, scale: str) -> float:
    """A margin such as 0.03 on the scale of differences: logarithms of ratios, or the metric's own unit."""
    return math.log1p(margin) if scale == "ratio" else margin


def margin_at(margin: float, metric: Metric, levels: Iterable[float | None]) -> float:
    """A margin on the scale of differences, at the levels that are compared: of a peak that the kernel tells, not below
    PEAK_RESOLUTION.
    """
    found = margin_of(margin, metric.scale)
    if metric.unit != "B" or metric.exact or metric.scale != "ratio":
        return found
    least = min((level for level in levels if level), default=math.inf)
    return max(found, math.log1p(PEAK_RESOLUTION / least))


def as_change(shift: Shift, better: str, scale: str) -> tuple[float, float | None, float | None]:
    """Centre, low and high of a shift as candidate / baseline or candidate - baseline."""
    turned = [shift.centre, shift.low, shift.high]
    if better == "higher":
        turned = [None if v is None else -v for v in (shift.centre, shift.high, shift.low)]
    centre, low, high = (v if v is None or scale != "ratio" else math.exp(v) for v in turned)
    assert centre is not None
    return centre, low, high


# Pairs


def flagged(differences: Sequence[float], margin: float) -> str:
    """The direction in which a case goes on to the second stage, "" where in none."""
    if rank_tests.paired_tail(differences, margin) <= SCREEN:
        return SLOWER
    return FASTER if rank_tests.paired_tail([-d for d in differences], margin) <= SCREEN else ""


def to_settle(differences: Sequence[float], margin: float) -> str:
    """The same where no case may stay unsure, as for one that neither is flagged nor is the same."""
    unsure = unflagged(differences, margin)[0] == UNSURE
    return flagged(differences, margin) or (SLOWER if unsure else "")


def adjusted_tails(
    fresh: Mapping[Any, Sequence[float]], flagged: Mapping[Any, str], margins: Mapping[Any, float]
) -> dict[Any, float]:
    """Of every case that has a margin its tail over the differences of fresh pairs in the direction in which it was
    flagged, adjusted for all of them together.
    """
    raw = {c: rank_tests.paired_tail(_turned(fresh[c], flagged[c]), margin) for c, margin in margins.items()}
    return dict(zip(raw, rank_tests.holm(list(raw.values())), strict=True))


def _turned(differences: Sequence[float], direction: str) -> list[float]:
    return [d if direction == SLOWER else -d for d in differences]


def confirmed(p: float, differences: Sequence[float], margin: float, direction: str) -> tuple[str, str]:
    """Verdict and reason of a flagged case from its fresh differences and their adjusted tail."""
    if p <= ALPHA:
        apart = two_modes(_turned(differences, direction), margin)
        if apart is not None:
            low, high = (math.expm1(v) for v in apart)
            return UNSURE, f"two modes, {low:+.0%} and {high:+.0%}: {direction} in some processes only"
        return direction, ""
    return unflagged(differences, margin)


def unflagged(differences: Sequence[float], margin: float) -> tuple[str, str]:
    """Verdict and reason of a case that nothing speaks for being slower or faster."""
    shift = rank_tests.paired_shift(differences, SAME_LEVEL)
    if shift.within(margin):
        return SAME, ""
    apart = two_modes(differences, margin)
    if apart is not None:
        low, high = (math.expm1(v) for v in apart)
        return UNSURE, f"two modes, {low:+.0%} and {high:+.0%}"
    return UNSURE, "its interval reaches beyond the margin"


def two_modes(differences: Sequence[float], margin: float) -> tuple[float, float] | None:
    """The centres of two clusters, one of them within the margin and one beyond it; None where there are not two.

    Two clusters: a quarter of the values or more in each, and a gap between them of more than the margin and twice the
    width of the wider one.
    """
    ordered = sorted(differences)
    least = max(2, math.ceil(len(ordered) / 4))
    for cut in range(least, len(ordered) - least + 1):
        low, high = ordered[:cut], ordered[cut:]
        gap = high[0] - low[-1]
        if gap > margin and gap > 2 * max(low[-1] - low[0], high[-1] - high[0]):
            centres = low[len(low) // 2], high[len(high) // 2]
            beyond = [abs(centre) > margin for centre in centres]
            return centres if beyond[0] != beyond[1] else None
    return None


def moved(differences: Sequence[float], margin: float, kernels: int = 1) -> bool:
    """Whether a calibration kernel, one of several, was another on the two sides: the machine changed, not the code.

    The level is shared out among the kernels: one call in forty has one that moves by chance, and 8 pairs can show it.
    """
    if not differences:
        return False
    shift = rank_tests.paired_shift(differences, 1 - (1 - MOVED_LEVEL) / kernels)
    return shift.excludes_zero() and abs(shift.centre) > margin


def machine_moved(kernel: str, ratio: float) -> str:
    """Why nothing is said about a time beside a calibration kernel that took `ratio` times as much, or did so much."""
    return f"the calibration kernel moved: {kernel} times {ratio:.3f}; the machine changed, not the code"


# Records


def differences_of(record: Record) -> list[float] | None:
    """A record's values, more is worse; logarithms where its scale is a ratio, None where one of them has none."""
    sign = -1.0 if record.better == "higher" else 1.0
    if record.scale != "ratio":
        return [sign * v for v in record.values]
    if any(v <= 0 for v in record.values):
        return None
    return [sign * math.log(v) for v in record.values]


def exact_row(
    metric: Metric,
    axes: dict[str, Any],
    baseline: float | None,
    candidate: float | None,
    margin: float,
    suite: str,
) -> Comparison:
    """Two values without noise. margin: how far apart they may be, as a part (or in the metric's own unit)."""
    verdict, reason, centre = SAME, "", None
    if baseline is None or candidate is None:
        verdict = MISSING if candidate is None else NEW
    else:
        change, centre = _exact_change(metric, baseline, candidate)
        if exceeds(abs(change), margin_of(margin, metric.scale)):
            verdict = SLOWER if change > 0 else FASTER
        elif change:
            reason = "within the margin"
    numbers = {"baseline": baseline, "candidate": candidate, "centre": centre, "low": centre, "high": centre}
    return Comparison.of(metric, suite, axes, verdict, reason, **numbers)


def exceeds(change: float, margin: float) -> bool:
    """Whether a change without noise is beyond a margin, by more than the logarithms of both are rounded."""
    return change > margin and not math.isclose(change, margin)


def _exact_change(metric: Metric, baseline: float, candidate: float) -> tuple[float, float | None]:
    """How much worse, on the scale of differences, and candidate / baseline or their difference."""
    sign = -1 if metric.better == "higher" else 1
    if metric.scale != "ratio":
        return sign * (candidate - baseline), candidate - baseline
    if baseline > 0 and candidate > 0:
        return sign * math.log(candidate / baseline), candidate / baseline
    if baseline == candidate:
        return 0.0, 1.0
    return math.copysign(math.inf, sign * (candidate - baseline)), None

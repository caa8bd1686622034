"""What `gradflow` reads out of its norms: the decay a token, the half-life, and the law that the decay follows.

Three laws are compared over the distances from 1 on: constant, exponential (log G linear in the distance) and power
law (log G linear in its logarithm). In every round each is fitted by least squares; what follows is decided by the
intervals of the median over rounds, so noise gives `undecided` and never a law.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rnn_vs_attn.records.query import Group, derived, measured, without
from rnn_vs_attn.records.types import Metric, Record
from rnn_vs_attn.stats import intervals
from rnn_vs_attn.stats.intervals import Estimate

DECAY = Metric("decay", "1", "none", title="factor a token, from the exponential fit")
HALF_LIFE = Metric("half_life", "1", "higher", title="tokens in which the norm halves, where it decays exponentially")
POWER_EXPONENT = Metric("power_exponent", "1", "none", title="b of norm = a * distance**b, where that law holds")
LAW = Metric("gradient_law", "text", "none", title="what the norm follows over the distance, such as vanishing")
METRICS = (DECAY, HALF_LIFE, POWER_EXPONENT, LAW)

BAND = math.log10(2)  # a change by less than this over the whole range counts as none
LEAST_POINTS = 5
# Of an exponential, of a power law: how alike its slopes, how much of the variance it explains, and without the largest
_ALIKE = ((2.0, 0.99, 0.97), (3.0, 0.9, 0.9))
_NOISE = 1e-18  # of a squared residual: below it float64 itself is what a fit sees


@dataclass(frozen=True)
class Curve:
    """log10 of the norm at distances from 1 on: rounds[r][i] is that of round r at distances[i]."""

    distances: list[float]
    rounds: list[list[float]]


def derive(records: Sequence[Record]) -> list[Record]:
    """decay, half_life, power_exponent and gradient_law of every case."""
    groups: dict[Group, list[Record]] = {}
    for record in records:
        if record.metric == "gradient_norm_log10" and record.status == "ok" and _distance(record) >= 1:
            groups.setdefault(without(record.axes, "distance"), []).append(record)
    return [made for group, found in groups.items() for made in _of_case(group, found)]


def _distance(record: Record) -> float:
    return float(record.axes.get("distance") or 0)


def curve_of(records: Sequence[Record]) -> Curve:
    """Those distances at which every round has a value; zeros have no logarithm and are left out."""
    rounds = max((len(record.samples) for record in records), default=0)
    whole = [r for r in records if len(r.values) == rounds > 0]
    whole.sort(key=_distance)
    columns = [record.values for record in whole]
    return Curve([_distance(r) for r in whole], [list(values) for values in zip(*columns, strict=True)])


def lacks(record: Record) -> bool:
    """Whether the norm of some round is exactly 0, or absent."""
    return len(record.values) < len(record.samples) or record.zero


def _of_case(group: Group, records: Sequence[Record]) -> Iterator[Record]:
    """Read out of the distances up to the first that lacks a value: a law that goes on beyond a gap is not seen to.

    There is no decay where most of the distances are absent: near by a layer may well decay at another rate.
    """
    suite, axes = records[0].suite, dict(group)
    gaps = [record for record in records if lacks(record)]
    end = min((_distance(record) for record in gaps), default=math.inf)
    curve = curve_of([record for record in records if _distance(record) < end])
    reached = max(curve.distances, default=0.0)
    word, reason = settled_law(curve)
    if gaps:
        law = "" if word == "undecided" else f"; {word} up to there"
        word, reason = "undecided", f"exactly 0, or absent, in some rounds from distance {end:.0f} on{law}"
    yield derived(LAW, suite, axes, [], None, text=word, **({"reason": reason} if reason else {}))
    absent = any(record.median is None and not record.zero for record in gaps)
    if len(curve.distances) < 2 or (absent and 2 * reached < max(_distance(record) for record in records)):
        return
    yield from _laws(suite, axes, curve, word, {"up_to": reached} if gaps else {})


def _laws(suite: str, axes: dict[str, Any], curve: Curve, word: str, upto: dict[str, float]) -> Iterator[Record]:
    """The decay, up to where it was fitted if that is not the last distance, and what belongs to the law."""
    slopes = [fit.slope for fit in exponential_fits(curve)]
    factors = [10**slope for slope in slopes]
    yield derived(DECAY, suite, axes, factors, intervals.estimate(factors), **upto)
    if word == "vanishing":
        lives = [-math.log10(2) / slope if slope < 0 else math.inf for slope in slopes]
        yield derived(HALF_LIFE, suite, axes, lives, intervals.estimate(lives))
    if word == "polynomial":
        exponents = [fit.slope for fit in power_fits(curve)]
        yield derived(POWER_EXPONENT, suite, axes, exponents, intervals.estimate(exponents))


def exponential_fits(curve: Curve) -> list[intervals.Line]:
    return [intervals.line(curve.distances, values) for values in curve.rounds]


def power_fits(curve: Curve) -> list[intervals.Line]:
    logs = [math.log10(distance) for distance in curve.distances]
    return [intervals.line(logs, values) for values in curve.rounds]


def settled_law(curve: Curve) -> tuple[str, str]:
    """The law and "", or "undecided" and the reason.

    A law must also be the same near by: fitted to the distances up to a quarter of the largest alone, the slope of an
    exponential may differ by a factor of 2 and that of a power law by 3; and it must explain 99 % or 90 % of the
    variance, and 97 % or 90 % without the largest distance. What follows a law only because the
    largest distances are special (the first tokens, which every position of a causal average sees) follows none.
    """
    if len(curve.distances) < LEAST_POINTS:
        return "undecided", f"fewer than {LEAST_POINTS} distances from 1 on have a value"
    if intervals.interval_ranks(len(curve.rounds)) is None:
        return "undecided", f"{len(curve.rounds)} of the {intervals.MIN_ROUNDS} rounds that an interval needs"
    word, reason = law(curve)
    if word in ("flat", "undecided"):
        return word, reason
    fits = power_fits if word == "polynomial" else exponential_fits
    near = Curve(*_near(curve))
    ratios = intervals.estimate([n.slope / w.slope for n, w in zip(fits(near), fits(curve), strict=True)])
    times, part, shorter_part = _ALIKE[word == "polynomial"]
    if not 1 / times < ratios.median < times:
        return (
            "undecided",
            f"{word} over all distances, but not at the same rate over those up to {near.distances[-1]:.0f}",
        )
    shorter = Curve(curve.distances[:-1], [values[:-1] for values in curve.rounds])
    for tried, least in ((curve, part), (shorter, shorter_part)):
        explained = median(_explained(f, v) for f, v in zip(fits(tried), tried.rounds, strict=True))
        if explained < least:
            upto = f"up to distance {tried.distances[-1]:.0f}"
            return "undecided", f"{word} fits best, but {upto} it explains only {explained:.1%} of the variance"
    return word, ""


def _near(curve: Curve) -> tuple[list[float], list[list[float]]]:
    """The distances up to a quarter of the largest, three at least."""
    count = max(3, sum(distance <= curve.distances[-1] / 4 for distance in curve.distances))
    return curve.distances[:count], [values[:count] for values in curve.rounds]


def _explained(fit: intervals.Line, values: Sequence[float]) -> float:
    """R^2: the part of the variance that a fit explains."""
    return 1 - fit.residual / max(_scatter(values) ** 2 * (len(values) - 1), _NOISE)


def law(curve: Curve) -> tuple[str, str]:
    """The law that fits best and "", or "undecided" and the reason.

    flat: both fits change by less than a factor of 2 over the whole range, and so does the scatter about a constant.
    vanishing, exploding: in every round that the interval rests on the exponential leaves smaller residuals than the
    power law, and its change over the range is beyond a factor of 2. polynomial: the same for the power law.
    """
    exponential, power = exponential_fits(curve), power_fits(curve)
    span = curve.distances[-1] - curve.distances[0]
    decades = math.log10(curve.distances[-1] / curve.distances[0])
    by_exponential = intervals.estimate([fit.slope * span for fit in exponential])
    by_power = intervals.estimate([fit.slope * decades for fit in power])
    scatter = intervals.estimate([_scatter(values) for values in curve.rounds])
    if all(_within_band(change) for change in (by_exponential, by_power, scatter)):
        return "flat", ""
    ahead = intervals.estimate(
        [math.log((e.residual + _NOISE) / (p.residual + _NOISE)) for e, p in zip(exponential, power, strict=True)]
    )
    side = intervals.side_of(ahead, 0.0)
    if side == "undecided":
        return "undecided", "neither an exponential nor a power law fits better, and its scatter or trend is not flat"
    change = by_exponential if side == "below" else by_power
    direction = {"above": 1, "below": -1}.get(intervals.side_of(change, BAND if change.median > 0 else -BAND), 0)
    if direction * change.median <= 0:
        return "undecided", "the change over the range is not clearly more than a factor of 2"
    if side == "above":
        return "polynomial", ""
    return ("exploding" if direction > 0 else "vanishing"), ""


def _within_band(change: Estimate) -> bool:
    return change.low is not None and change.high is not None and abs(change.low) < BAND and abs(change.high) < BAND


def _scatter(values: Sequence[float]) -> float:
    """Standard deviation about the mean."""
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def norms_of(records: Sequence[Record]) -> dict[Group, dict[int, Record]]:
    """The measured norms of every case by distance."""
    found: dict[Group, dict[int, Record]] = {}
    for record in measured(records, "gradient_norm_log10"):
        found.setdefault(without(record.axes, "distance"), {})[int(_distance(record))] = record
    return found

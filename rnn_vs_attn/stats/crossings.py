"""Where one curve crosses another, and where it is settled which of the two is lower: floats in, dataclasses out.

Within each round the logarithm of the ratio of both curves is read between the lengths that were measured: along a
straight line in log-log, and along the parabolas and the cubic through neighbouring lengths, as real curves bend. At a
length it is settled which curve is lower where, for each of these readings, the interval of the median over rounds
leaves 0 out. The interval of the crossing is what lies between the lengths at which it is settled: it misses the true
one as seldom as the interval of a median misses the median, however flat the curves meet. Where it is not settled at
both ends of what was measured there is no crossing to tell. Source: inversion of a test, as in Fieller's theorem.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from rnn_vs_attn.stats import intervals

_STEPS = 32  # at which the curves are read between two lengths that were measured
_READ_AT_ONCE = 1 << 20  # values, 8 MiB


@dataclass(frozen=True)
class Stretch:
    """Lengths over which it is settled whether ours is the lower curve."""

    start: float
    end: float
    lower: bool


@dataclass(frozen=True)
class Crossing:
    """at, low, high: the crossing and its interval, None where it is not settled, or there is none, or several. first,
    last: whether ours is the lower one at the first and at the last length, None where that is not settled. reason: why
    so few rounds have no interval; `at` is then that of their medians, and settled is what all of them agree on.
    """

    at: float | None = None
    low: float | None = None
    high: float | None = None
    first: bool | None = None
    last: bool | None = None
    stretches: tuple[Stretch, ...] = ()
    rounds: int = 0
    reason: str = ""

    @property
    def everywhere(self) -> bool | None:
        """Whether ours is the lower one at all lengths; None where that changes or is not settled."""
        return self.first if len(self.stretches) == 1 and self.first is self.last else None

    @property
    def several(self) -> bool:
        """Whether the curves are seen to cross more than once."""
        return sum(a.lower != b.lower for a, b in itertools.pairwise(self.stretches)) > 1


def crossing(lengths: Sequence[float], ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> Crossing:
    """Where `ours` and `theirs` are equal: `ours[r][i]` is the value of round r at lengths[i], which increase."""
    pairs = zip(ours, theirs, strict=True)
    gaps = [[math.log(a) - math.log(b) for a, b in zip(mine, other, strict=True)] for mine, other in pairs]
    return crossing_of_gaps(lengths, gaps)


def crossing_of_gaps(lengths: Sequence[float], gaps: Sequence[Sequence[float]]) -> Crossing:
    """The same from differences that change their sign where the curves cross, such as those of logarithms."""
    rounds = len(gaps)
    reason = intervals.too_few(rounds) if intervals.interval_ranks(rounds) is None else ""
    if len(lengths) < 2 or not rounds:
        return Crossing(rounds=rounds, reason=reason)
    x, low, middle, high = _bands(tuple(lengths), gaps)
    stretches = _stretches(x, low, high, lengths)
    first, last = (stretches[i].lower if low[i] > 0 or high[i] < 0 else None for i in (0, -1))
    found = Crossing(first=first, last=last, stretches=stretches, rounds=rounds, reason=reason)
    if reason:
        return replace(found, at=_balance(x, middle) if middle[0] * middle[-1] < 0 else None)
    if first is None or last is None or first is last or found.several:
        return found
    return replace(found, at=_balance(x, middle), low=stretches[0].end, high=stretches[-1].start)


def _bands(lengths: tuple[float, ...], gaps: Sequence[Sequence[float]]) -> tuple[Any, Any, Any, Any]:
    """Logarithms of lengths, and at each the lowest end, the median and the highest end of the interval of the gap.

    Of fewer rounds than an interval takes, the smallest and the largest gap. Between two lengths alone nothing is known
    of how the curves bend, so there the ends are infinite.
    """
    import numpy

    x, weights = _weights(lengths)
    values = numpy.asarray(gaps, float)
    first, last = intervals.interval_ranks(len(gaps)) or (0, len(gaps) - 1)
    parts = []
    for part in _parts(len(gaps), weights):
        read = numpy.einsum("rn,kgn->krg", values, part)
        read.sort(axis=1)
        parts.append((read[:, first].min(axis=0), numpy.median(read[-1], axis=0), read[:, last].max(axis=0)))
    low, middle, high = (numpy.concatenate(each) for each in zip(*parts, strict=True))
    if len(lengths) == 2 and not (low.min() > 0 or high.max() < 0):
        low[1:-1], high[1:-1] = -math.inf, math.inf
    return x, low, middle, high


def _parts(rounds: int, weights: Any) -> Iterator[Any]:
    """The weights in order, of as many places at once as so many rounds are read at in little memory."""
    readings, places, _ = weights.shape
    at_once = max(1, _READ_AT_ONCE // (rounds * readings))
    return (weights[:, start : start + at_once] for start in range(0, places, at_once))


@lru_cache(maxsize=64)
def _weights(lengths: tuple[float, ...]) -> tuple[Any, Any]:
    """Logarithms of lengths, _STEPS from one that was measured to the next, and for each reading and each of them what
    the gaps at the lengths that were measured weigh.
    """
    import numpy

    x = numpy.log(numpy.asarray(lengths, float))
    cells = [numpy.linspace(a, b, _STEPS, endpoint=False) for a, b in itertools.pairwise(x)]
    cells[-1] = numpy.append(cells[-1], x[-1])
    found = [[_lagrange(x, nodes, points) for nodes in _nodes(i, len(x))] for i, points in enumerate(cells)]
    return numpy.concatenate(cells), numpy.stack([numpy.concatenate(parts) for parts in zip(*found, strict=True)])


def _nodes(i: int, n: int) -> list[range]:
    """Of n lengths those that a reading between i and i + 1 goes through: a line, two parabolas, a cubic."""
    found = [range(i, i + 2)]
    for size, start in ((3, i - 1), (3, i), (4, i - 1)):
        size = min(size, n)
        start = min(max(start, 0), n - size)
        found.append(range(start, start + size))
    return found


def _lagrange(x: Any, nodes: range, points: Any) -> Any:
    """What the values at x weigh in the polynomial through those at the nodes, at each point."""
    import numpy

    weights = numpy.zeros((len(points), len(x)))
    for i in nodes:
        weights[:, i] = numpy.prod([(points - x[j]) / (x[i] - x[j]) for j in nodes if j != i], axis=0)
    return weights


def _stretches(x: Any, low: Any, high: Any, lengths: Sequence[float]) -> tuple[Stretch, ...]:
    """Where the band lies on one side of 0, over one length at least that was measured."""
    found, sides = [], [1 if a > 0 else -1 if b < 0 else 0 for a, b in zip(low, high, strict=True)]
    for side, group in itertools.groupby(range(len(sides)), key=sides.__getitem__):
        places = list(group)
        if side and any(place % _STEPS == 0 for place in places):
            ends = low if side > 0 else high
            start = _edge(x, ends, places[0], places[0] - 1) if places[0] else lengths[0]
            end = _edge(x, ends, places[-1], places[-1] + 1) if places[-1] + 1 < len(x) else lengths[-1]
            found.append(Stretch(_as_measured(start, lengths), _as_measured(end, lengths), side < 0))
    return tuple(found)


def _edge(x: Any, ends: Any, inside: int, outside: int) -> float:
    """The length between two of them at which an end of the band is 0; inside it is not, beyond it may be infinite."""
    share = ends[inside] / (ends[inside] - ends[outside])
    return math.exp(x[inside] + share * (x[outside] - x[inside]))


def _as_measured(length: float, lengths: Sequence[float]) -> float:
    """The length that was measured where it is that but for rounding: a reader sees all digits of it."""
    return float(next((known for known in lengths if math.isclose(known, length, rel_tol=1e-9)), length))


def _balance(x: Any, gaps: Any) -> float:
    """The length below which there is as much as lies on the side of the first gap, altogether.

    Where the gap changes its sign once that is where it does; where noise lets it do so several times the first and the
    last are given the same weight. Source: the root of the monotone rearrangement (Chernozhukov, Fernández-Val and
    Galichon 2009).
    """
    same = 0.0
    for (a, b), (p, q) in zip(itertools.pairwise(x), itertools.pairwise(gaps * math.copysign(1, gaps[0])), strict=True):
        share = 1.0 if p >= 0 and q >= 0 else 0.0 if p <= 0 and q <= 0 else max(p, q) / abs(p - q)
        same += share * (b - a)
    return math.exp(x[0] + same)

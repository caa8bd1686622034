"""Where the level of a series changed: places proposed by ruptures, and each judged by a rank test of our own.

The proposals are the best division of the whole series at once (kernel change point detection, Celisse, Marot,
Pierre-Jean and Rigaill 2018), so that a level that rises and falls again is seen. What is proposed on noise is many: a
place counts only where the rank sums of the values on its two sides, up to its neighbours, are further apart than the
furthest of any place in a series without a change (the statistic of Pettitt 1979, its null distribution drawn).
Floats in, floats out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import Any

from rnn_vs_attn.stats.rank_tests import doubled_midranks, false_discovery

LEAST = 4  # values on each side of a change
NEAREST = 20  # values on each side that say how large it is
_PENALTY = 1.0  # of a proposal, in units of the kernel, which is at most 1 a value: the test decides, not this
_DRAWN = 20_000  # permutations, of long series fewer
_MOST_DRAWN = 4_000_000  # values in all of them
_TAIL = 0.999  # beyond this quantile the null distribution falls off as the normal one, or faster
_ONE_SIDED = 1.645  # standard normal quantile at .95
_NINE_IN_TEN = 1.282  # standard normal quantile at .9
_SIMULATED = 400  # series to see which step is found


@dataclass(frozen=True)
class Division:
    """Places at which a series is divided, each the number of values before it. p: the largest of their tails, times
    their number.
    """

    places: tuple[int, ...]
    p: float


def divisions(values: Sequence[float], smallest: float = 0.0) -> list[Division]:
    """The proposed division, and what is left of it as the least certain place is taken away, one after the other.

    smallest: a change of the level by less is none.
    """
    places, found = proposed(values), []
    while places:
        tails = _tails(values, places, smallest)
        worst = max(range(len(places)), key=lambda i: tails[i])
        found.append(Division(tuple(places), tails[worst]))
        places = places[:worst] + places[worst + 1 :]
    return found


def changes(series: Sequence[Sequence[Division]], alpha: float) -> list[tuple[tuple[int, ...], float]]:
    """Of each series the places that count, and its p-value adjusted for all of them.

    By the false discovery rate (Benjamini and Hochberg): where no level changed, one call in 1 / alpha marks anything;
    where some did, that share of the marks is wrong.
    """
    least = [min((division.p for division in found), default=1.0) for found in series]
    adjusted = false_discovery(least)
    limit = max((p for p, q in zip(least, adjusted, strict=True) if q <= alpha), default=0.0)
    marked = [next((d.places for d in found if d.p <= limit), ()) for found in series]
    return list(zip(marked, adjusted, strict=True))


def proposed(values: Sequence[float]) -> list[int]:
    """Where ruptures would divide the series."""
    if len(values) < 2 * LEAST or max(values) == min(values):
        return []
    import numpy as np
    import ruptures

    search = ruptures.KernelCPD(kernel="rbf", min_size=LEAST).fit(np.asarray(values, dtype=float).reshape(-1, 1))
    return [int(place) for place in search.predict(pen=_PENALTY)[:-1]]


def _tails(values: Sequence[float], places: Sequence[int], smallest: float) -> list[float]:
    """Of each place its tail among the values up to its neighbours, times the number of places.

    Values that follow each other count for fewer, but where a level moved by more than all that lies between the values
    on either side.
    """
    ends, kept = [0, *places, len(values)], _kept(_correlation(values, places))
    tails = []
    for left, at, right in zip(ends, ends[1:], ends[2:], strict=False):
        before, after = values[left:at], values[at:right]
        change = abs(median(b - a for a, b in itertools.product(before[-NEAREST:], after[:NEAREST])))
        if change < smallest:
            tails.append(1.0)
        else:
            beyond = change > max(max(side) - min(side) for side in (before, after))
            tails.append(min(1.0, len(places) * tail(before, after, 1.0 if beyond else kept)))
    return tails


def tail(before: Sequence[float], after: Sequence[float], kept: float = 1.0) -> float:
    """P(at its best place a series without a change is divided as clearly as this one is). kept: of its distance."""
    number, size = len(before), len(before) + len(after)
    doubled = sum(doubled_midranks([*before, *after])[:number])
    away = abs(doubled / 2 - number * (size + 1) / 2) / math.sqrt(number * len(after) * (size + 1) / 12)
    return float(_beyond(size, kept * away))


def _correlation(values: Sequence[float], places: Sequence[int]) -> float:
    """How much a value follows the one before it, by the ranks of what is left beside the levels; 0 to 0.9.

    The bias of a short series, one part in its length for each level, is put back; what chance alone shows in one of 20
    such series is none.
    """
    ends = [0, *places, len(values)]
    left = [v - median(values[a:b]) for a, b in itertools.pairwise(ends) for v in values[a:b]]
    centred = [rank - (len(left) + 1) for rank in doubled_midranks(left)]
    total = sum(rank**2 for rank in centred)
    if not total:
        return 0.0
    found = sum(a * b for a, b in itertools.pairwise(centred)) / total + (len(places) + 1) / len(left)
    return min(found, 0.9) if found > _ONE_SIDED / math.sqrt(len(left)) else 0.0


def _kept(correlation: float) -> float:
    """By how much values that follow each other count for fewer."""
    return math.sqrt((1 - correlation) / (1 + correlation))


# Series without a change


@lru_cache(maxsize=512)
def _null(size: int) -> Any:
    """Sorted, the distance of the best place in each of many series without a change."""
    import numpy as np

    draw = np.random.default_rng(size)
    shape = max(1000, min(_DRAWN, _MOST_DRAWN // size)), size
    return np.sort(_distances(draw.random(shape)).max(axis=-1))


def _distances(series: Any) -> Any:
    """Of each series (a row, without ties) and each place that leaves enough on both sides, as in `tail`."""
    import numpy as np

    size = series.shape[-1]
    ranks = series.argsort(axis=-1).argsort(axis=-1) + 1.0
    numbers = np.arange(1, size)
    sums = ranks.cumsum(axis=-1)[..., :-1] - numbers * (size + 1) / 2
    away = np.abs(sums) / np.sqrt(numbers * (size - numbers) * (size + 1) / 12)
    return away[..., LEAST - 1 : size - LEAST]


def _beyond(size: int, away: Any) -> Any:
    """The share of series of this size without a change that are divided as clearly.

    Beyond what was drawn it falls as the normal tail, which is heavier than that of a sum of ranks.
    """
    import numpy as np

    drawn = _null(size)
    share = (len(drawn) - np.searchsorted(drawn, np.asarray(away) - 1e-9) + 1) / (len(drawn) + 1)
    edge = drawn[int(_TAIL * len(drawn))]
    normal = np.vectorize(lambda z: (1 - _TAIL) * math.erfc(z / math.sqrt(2)) / math.erfc(edge / math.sqrt(2)))
    return np.where(np.asarray(away) > edge, np.minimum(share, normal(away)), share)


# What can be seen


def values_needed(tests: int, alpha: float) -> int:
    """The fewest values in which one change among `tests` series can be marked."""
    return next(n for n in itertools.count(2 * LEAST) if _clearest(n) * tests <= alpha)


@lru_cache(maxsize=512)
def _clearest(size: int) -> float:
    """The tail of a series that is divided in the middle, and wholly."""
    middle = size // 2
    return tail(range(middle), range(middle, size))


@lru_cache(maxsize=512)
def visible(size: int, alpha: float) -> float | None:
    """The step halfway through that is found four times in five, in standard deviations of the noise; None where none
    can be.
    """
    if _clearest(size) > alpha:
        return None
    import numpy as np

    noise, middle = np.random.default_rng(size).standard_normal((_SIMULATED, size)), size // 2

    def found(step: float) -> float:
        stepped = noise + step * (np.arange(size) >= middle)
        return float((_beyond(size, _distances(stepped)[:, middle - LEAST]) <= alpha).mean())

    return next((step for step in np.arange(0.5, 20.0, 0.1).round(1).tolist() if found(step) >= 0.8), None)


def promised(size: int, alpha: float, spread: float, smallest: float) -> float | None:
    """The step halfway through that is marked four times in five, at that spread of the noise; None where none can be.

    smallest: a change of the level by less is none, and one of just as much is found to be less half of the time. Near
    it both must come out well, so the one is asked nine times in ten.
    """
    step = visible(size, alpha)
    if step is None:
        return None
    scatter = spread * math.sqrt(2 / min(size // 2, NEAREST))  # of the distance of both levels
    return max(step * spread, smallest + _NINE_IN_TEN * scatter)

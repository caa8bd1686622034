"""Exact rank tests against a margin, and the intervals that belong to them: floats in, floats out.

Paired: Wilcoxon's signed ranks, with Hodges and Lehmann's centre (the median of the Walsh averages). Unpaired:
Wilcoxon, Mann and Whitney's rank sum, with the median of all differences. Null distributions are counted, ties
included (midranks), so no sample is too small and none is taken for normal. Source: Hollander, Wolfe and Chicken,
Nonparametric Statistical Methods, 3rd ed., sections 3.1 to 3.3 and 4.1 to 4.3.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median


@dataclass(frozen=True)
class Shift:
    """How far one group of values is from another: a centre and its interval, None where too few values give one."""

    centre: float
    low: float | None
    high: float | None

    def within(self, margin: float) -> bool:
        """Whether the whole interval lies inside (-margin, margin)."""
        return self.low is not None and self.high is not None and -margin < self.low and self.high < margin

    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def paired_tail(differences: Sequence[float], margin: float) -> float:
    """P(signed-rank sum >= the one seen) if the centre of `differences` were `margin`: a small one speaks for more."""
    left = [d - margin for d in differences if d != margin]
    if not left:
        return 1.0
    ranks = doubled_midranks([abs(d) for d in left])
    seen = sum(rank for rank, d in zip(ranks, left, strict=True) if d > 0)
    counts = subset_sums(tuple(sorted(ranks)))
    return sum(counts[seen:]) / 2 ** len(left)


def paired_shift(differences: Sequence[float], level: float) -> Shift:
    """The Hodges-Lehmann centre of `differences` with its exact signed-rank interval. ValueError for none."""
    averages = sorted((a + b) / 2 for a, b in itertools.combinations_with_replacement(differences, 2))
    counts = subset_sums(tuple(2 * rank for rank in range(1, len(differences) + 1)))[::2]
    return _interval(averages, counts, 2 ** len(differences), level)


def unpaired_tail(candidate: Sequence[float], baseline: Sequence[float], margin: float) -> float:
    """P(rank sum >= the one seen) if the candidate were the baseline shifted by `margin`: small speaks for more."""
    ranks = doubled_midranks([*(c - margin for c in candidate), *baseline])
    counts = _sums_of(tuple(sorted(ranks)), len(candidate))
    return sum(counts[sum(ranks[: len(candidate)]) :]) / math.comb(len(ranks), len(candidate))


def unpaired_shift(candidate: Sequence[float], baseline: Sequence[float], level: float) -> Shift:
    """The median of all differences candidate - baseline with its exact rank-sum interval. ValueError for none."""
    differences = sorted(c - b for c, b in itertools.product(candidate, baseline))
    n, m = len(candidate), len(baseline)
    sums = _sums_of(tuple(2 * rank for rank in range(1, n + m + 1)), n)
    counts = sums[n * (n + 1) :: 2]  # from the least rank sum on: those of Mann and Whitney's U
    return _interval(differences, counts, math.comb(n + m, n), level)


def least_paired_tail(pairs: int) -> float:
    """The smallest value that `paired_tail` can take."""
    return 0.5**pairs


def least_unpaired_tail(candidate: int, baseline: int) -> float:
    """The smallest value that `unpaired_tail` can take."""
    return 1 / math.comb(candidate + baseline, candidate)


def pairs_needed(tests: int, alpha: float) -> int:
    """The fewest pairs with which one of `tests` tests can reject under Holm's correction at `alpha`."""
    return next(n for n in itertools.count(1) if least_paired_tail(n) * tests <= alpha)


def rounds_needed(tests: int, alpha: float) -> int:
    """The fewest rounds on each side with which one of `tests` unpaired tests can reject under Holm's correction."""
    return next(n for n in itertools.count(1) if least_unpaired_tail(n, n) * tests <= alpha)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for all of them together: those at most alpha keep the family's error rate at alpha."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, least = [0.0] * len(p_values), 0.0
    for position, i in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - position) * p_values[i]))
        adjusted[i] = least
    return adjusted


def false_discovery(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted so that of those at most q a share of q is expected to be false (Benjamini, Hochberg 1995).

    scipy has it, at the price of a second's import for six lines.
    """
    order = sorted(range(len(p_values)), key=lambda i: -p_values[i])
    adjusted, most = [0.0] * len(p_values), 1.0
    for above, i in enumerate(order):
        most = min(most, p_values[i] * len(p_values) / (len(p_values) - above))
        adjusted[i] = most
    return adjusted


def doubled_midranks(values: Sequence[float]) -> list[int]:
    """Twice the rank of each value from 1 on; equal values share the mean of theirs, so twice of it is whole."""
    order = sorted(values)
    first = {v: i for i, v in reversed(list(enumerate(order)))}
    last = {v: i for i, v in enumerate(order)}
    return [first[v] + last[v] + 2 for v in values]


def _interval(ordered: Sequence[float], counts: Sequence[int], total: int, level: float) -> Shift:
    """Ends at the largest rank whose tail is still at most (1 - level) / 2."""
    tail, cut = 0, 0
    for count in counts:
        tail += count
        if tail > total * (1 - level) / 2:
            break
        cut += 1
    centre = median(ordered)
    if cut == 0:
        return Shift(centre, None, None)
    return Shift(centre, ordered[cut - 1], ordered[-cut])


@lru_cache(maxsize=256)
def subset_sums(ranks: tuple[int, ...]) -> list[int]:
    """How many subsets of `ranks` have each sum."""
    counts = [1]
    for rank in ranks:
        grown = [*counts, *[0] * rank]
        for total, count in enumerate(counts):
            grown[total + rank] += count
        counts = grown
    return counts


@lru_cache(maxsize=256)
def _sums_of(ranks: tuple[int, ...], size: int) -> list[int]:
    """How many subsets of `size` of `ranks` have each sum."""
    most = sum(ranks)
    counts = [[0] * (most + 1) for _ in range(size + 1)]
    counts[0][0] = 1
    for rank in ranks:
        for taken in range(size, 0, -1):
            here, fewer = counts[taken], counts[taken - 1]
            for total in range(most, rank - 1, -1):
                here[total] += fewer[total - rank]
    return counts[size]

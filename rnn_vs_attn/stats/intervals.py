"""Medians, their intervals, ratios and exponents: floats in, frozen dataclasses out.

An interval here is the exact order-statistic interval of a median: no distribution is assumed, only that rounds
are independent. Below six values no such interval reaches 95 %, so there is none (and `Estimate.reason` says so).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median

LEVEL = 0.95
MIN_ROUNDS = 6


@dataclass(frozen=True)
class Estimate:
    """The median of one value a round, and its interval at level `LEVEL` where there is one."""

    median: float
    low: float | None
    high: float | None
    rounds: int
    reason: str = ""

    @property
    def half_width(self) -> float | None:
        """Half of the interval as a fraction of the median; None without an interval."""
        if self.low is None or self.high is None or self.median == 0:
            return None
        return (self.high - self.low) / 2 / abs(self.median)


@lru_cache(maxsize=256)
def interval_ranks(n: int, level: float = LEVEL) -> tuple[int, int] | None:
    """Zero-based ranks of the shortest symmetric order-statistic interval of a median of `n` values.

    None where even the whole range covers less than `level`. Source: the binomial distribution of the number of
    values below the median (David and Nagaraja, Order Statistics, 3rd ed., section 7.1).
    """
    if n < MIN_ROUNDS and level >= LEVEL:
        return None
    from scipy.stats import binom

    below = int(binom.ppf((1 - level) / 2, n, 0.5))
    while below > 0 and 2 * binom.cdf(below - 1, n, 0.5) > 1 - level:
        below -= 1
    return (below - 1, n - below) if below > 0 else None


def estimate(values: Sequence[float], exact: bool = False) -> Estimate:
    """The median of `values` with its interval; an exact value has no width."""
    middle = median(values)
    if exact:
        return Estimate(middle, middle, middle, len(values))
    ranks = interval_ranks(len(values))
    if ranks is None:
        reason = too_few(len(values))
        return Estimate(middle, None, None, len(values), reason)
    ordered = sorted(values)
    return Estimate(middle, ordered[ranks[0]], ordered[ranks[1]], len(values))


def too_few(rounds: int) -> str:
    """Why so many rounds have no interval."""
    return f"{rounds} round{'s' * (rounds != 1)}; an interval at {LEVEL:.0%} needs {MIN_ROUNDS}"


def ratio(candidate: Sequence[float | None], baseline: Sequence[float | None]) -> Estimate | None:
    """candidate / baseline, formed within rounds (value i of both is of round i); None where no round has both."""
    pairs = [c / b for c, b in zip(candidate, baseline, strict=False) if c is not None and b is not None and b > 0]
    return estimate(pairs) if pairs else None


@dataclass(frozen=True)
class Line:
    """y = intercept + slope * x by least squares; residual: the sum of squares that it leaves."""

    slope: float
    intercept: float
    residual: float


def line(x: Sequence[float], y: Sequence[float]) -> Line:
    """The least-squares line through points of at least two different x."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    found = covariance / sum((a - mean_x) ** 2 for a in x)
    left = [b - mean_y - found * (a - mean_x) for a, b in zip(x, y, strict=True)]
    return Line(found, mean_y - found * mean_x, sum(r * r for r in left))


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """The least-squares exponent b of y = a * x**b through positive points."""
    return line([math.log(v) for v in x], [math.log(v) for v in y]).slope


def exponents(x: Sequence[float], rounds: Sequence[Sequence[float]]) -> list[float]:
    """One exponent a round: `rounds[r][i]` is the value of round r at `x[i]`."""
    return [slope(x, values) for values in rounds]


def side_of(result: Estimate | None, value: float) -> str:
    """ "below" or "above" where the whole interval is on that side of `value`, else "undecided"."""
    if result is None or result.low is None or result.high is None:
        return "undecided"
    if result.high < value:
        return "below"
    return "above" if result.low > value else "undecided"

"""How counts grow with a length: exactly named laws for whole numbers, and exponents of what is counted.

A law is named of the counts that were made, and says nothing of longer lengths: what grows as n up to there may stay
as it is beyond, as within blocks.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from rnn_vs_attn.stats import intervals

CONSTANT, LOGARITHMIC, LINEAR = "1", "log n", "n"
LEAST_LENGTHS = 4
_LEAST_SPAN = 3  # the longest length by the shortest
_LARGEST_BASE, _LARGEST_STEP = 16, 64


def law(lengths: Sequence[int], counts: Sequence[int]) -> str | None:
    """ "1", "log n" or "n": the only law that the counts follow; None where that is none, or others fit them as well.

    Counts are constant where all are equal. Else they never fall, and are m times a step function plus c, m and c
    whole: of ceil(log_b n) for a whole base b; or, as the levels of a wider tree, of any function to which one factor
    of the length adds the same everywhere; or of ceil((n - s) / r) for a whole r and s = 0 or 1, over four lengths
    r = 1 alone. None of RIVALS that grows otherwise may give the same counts.
    """
    if len(lengths) < LEAST_LENGTHS or lengths[-1] < _LEAST_SPAN * lengths[0] or list(counts) != sorted(counts):
        return None
    if len(set(counts)) == 1:
        return CONSTANT
    units = {LOGARITHMIC: _logarithmic(lengths, counts), LINEAR: _linear(lengths, counts)}
    followed = [name for name, unit in units.items() if unit]
    if len(followed) != 1:
        return None
    (name,) = followed
    steps = [(count - counts[0]) / units[name] for count in counts]
    return None if any(rival.fits(lengths, steps) for rival in RIVALS if rival.law != name) else name


def _logarithmic(lengths: Sequence[int], counts: Sequence[int]) -> int:
    """How many each level of a tree adds; 0 where they are no levels of a tree."""
    trees = ([_levels(n, base) for n in lengths] for base in range(2, _LARGEST_BASE + 1))
    unit = next(filter(None, (_factor(counts, tree) for tree in trees)), 0)
    return unit or (math.gcd(*(c - counts[0] for c in counts)) if _adds_by_factor(lengths, counts) else 0)


def _linear(lengths: Sequence[int], counts: Sequence[int]) -> int:
    """How many each step of some positions adds; 0 where they are no such steps."""
    largest = 1 if len(lengths) <= LEAST_LENGTHS else _LARGEST_STEP
    steps = ([-((s - n) // r) for n in lengths] for r in range(1, largest + 1) for s in (0, 1))
    return next(filter(None, (_factor(counts, step) for step in steps)), 0)


def _levels(n: int, base: int) -> int:
    """ceil(log_base n), without rounding."""
    found, reached = 0, 1
    while reached < n:
        found, reached = found + 1, reached * base
    return found


def _factor(counts: Sequence[int], steps: Sequence[int]) -> int:
    """The whole number of which the counts are that many times the steps, plus another one; 0 where there is none, or
    the steps take less than three values.
    """
    rise, run = counts[-1] - counts[0], steps[-1] - steps[0]
    if len(set(steps)) < 3 or run <= 0 or rise <= 0 or rise % run:
        return 0
    factor = rise // run
    same = all(c - counts[0] == factor * (s - steps[0]) for c, s in zip(counts, steps, strict=True))
    return factor if same else 0


def _adds_by_factor(lengths: Sequence[int], counts: Sequence[int]) -> bool:
    """Whether some steps along the lengths multiply them by one factor and add one number, at three places or more."""
    for steps in range(1, len(lengths) // 2 + 1):
        pairs = list(zip(lengths, lengths[steps:], strict=False))
        added = {b - a for a, b in zip(counts, counts[steps:], strict=False)}
        if len(pairs) > 2 and len({Fraction(b, a) for a, b in pairs}) == 1 and len(added) == 1 and added.pop() > 0:
            return True
    return False


@dataclass(frozen=True)
class Rival:
    """a * grows(n) + b in whole steps, however they are rounded: for any b, and for one of `factors` as a; for any a
    where there are none. law: its name, where it has one.
    """

    grows: Callable[[float], float]
    factors: tuple[float, ...] = ()
    law: str = ""

    def fits(self, lengths: Sequence[int], steps: Sequence[float]) -> bool:
        """Whether steps at the lengths are these, which two roundings of less than 1 each let differ by as much."""
        at = [self.grows(n) for n in lengths]
        least, most = 0.0, math.inf
        for (x, j), (y, k) in itertools.combinations(zip(at, steps, strict=True), 2):
            if y > x:
                least, most = max(least, (k - j - 1) / (y - x)), min(most, (k - j + 1) / (y - x))
        return any(least < a < most for a in self.factors) if self.factors else least < most


def _multiples(most: int, *units: float) -> tuple[float, ...]:
    """Of each unit up to so many, and of up to so many parts of it."""
    return tuple(unit * factor for unit in units for k in range(1, most + 1) for factor in (k, 1 / k))


_OF_E, _OF_3 = math.log(2), math.log(2, 3)  # by which a logarithm to base 2 becomes one to base e, and to base 3
RIVALS = (
    Rival(lambda n: math.log2(math.log2(n)), _multiples(3, 1, _OF_E, _OF_3)),
    Rival(math.log2, law=LOGARITHMIC),
    Rival(lambda n: math.log2(n) ** 2, _multiples(4, 1, _OF_E**2)),
    Rival(lambda n: n ** (1 / 3), _multiples(4, 1)),
    Rival(math.sqrt),
    Rival(lambda n: n ** (2 / 3), _multiples(4, 1)),
    Rival(lambda n: n / math.log2(n), _multiples(_LARGEST_STEP, 1, 1 / _OF_E)),
    Rival(lambda n: n, law=LINEAR),
    Rival(lambda n: n * math.log2(n), _multiples(4, 1, _OF_E)),
)


def exponent(sizes: Sequence[int], counts: Sequence[int]) -> tuple[float, bool] | None:
    """The exponent with which a count grows, and whether it is exact; None with less than two sizes.

    Exact where counts are one power of the size, or a polynomial in it that two points more than its degree confirm;
    then it is the polynomial's degree. Else the slope of the least-squares line through the logarithms.
    """
    if len(sizes) < 2:
        return None
    neighbours = itertools.pairwise(zip(sizes, counts, strict=True))
    slopes = [math.log(b / a) / math.log(n / m) for (m, a), (n, b) in neighbours]
    whole = abs(slopes[0] - round(slopes[0])) < 1e-9
    if max(slopes) - min(slopes) < 1e-9 and (whole or len(slopes) > 1):
        return (round(slopes[0]) if whole else slopes[0]), True
    degree = _degree(sizes, counts)
    if degree is not None:
        return float(degree), True
    return intervals.slope(sizes, counts), False


def _degree(sizes: Sequence[int], counts: Sequence[int]) -> int | None:
    """The degree of the polynomial through all points, where points are left over that confirm it."""
    found = coefficients(sizes, counts)
    degree = max(i for i, c in enumerate(found) if c)
    return degree if len(sizes) >= degree + 2 else None


def coefficients(sizes: Sequence[int], counts: Sequence[int]) -> list[Fraction]:
    """Newton's divided differences of the polynomial through all points."""
    differences = [Fraction(c) for c in counts]
    found = [differences[0]]
    for order in range(1, len(sizes)):
        differences = [
            (b - a) / (sizes[i + order] - sizes[i]) for i, (a, b) in enumerate(itertools.pairwise(differences))
        ]
        found.append(differences[0])
    return found


def value_at(n: Fraction, sizes: Sequence[int], found: Sequence[Fraction]) -> Fraction:
    """The polynomial with these divided differences at n."""
    value = Fraction(0)
    for size, coefficient in reversed(list(zip(sizes, found, strict=True))):
        value = value * (n - size) + coefficient
    return value


def polynomial_crossing(sizes: Sequence[int], ours: Sequence[int], theirs: Sequence[int], most: int) -> int | None:
    """The smallest whole n at which `ours` is above `theirs`, of polynomials that the counts confirm; at most `most`.

    None where one of them is not confirmed, where `ours` does not come above up to `most`, or does not stay above.
    """
    if _degree(sizes, ours) is None or _degree(sizes, theirs) is None:
        return None
    gap = coefficients(sizes, [a - b for a, b in zip(ours, theirs, strict=True)])

    def above(n: int) -> bool:
        return value_at(Fraction(n), sizes, gap) > 0

    seen = [above(n) for n in sorted({round(2 ** (i / 8)) for i in range(8 * most.bit_length() - 7)})]
    return first_above(above, most) if seen == sorted(seen) else None


def first_above(above: Callable[[int], bool], most: int) -> int | None:
    """The smallest n from 1 to `most` at which `above` holds, which stays once it does; None where it nowhere does."""
    found = bisect_left(range(1, most + 1), True, key=above) + 1
    return found if found <= most else None

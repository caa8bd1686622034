"""How counts grow with a length: exactly named laws for whole numbers, and exponents of what is counted."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

CONSTANT, LOGARITHMIC, LINEAR = "1", "log n", "n"
LEAST_LENGTHS = 4
NARROW, WIDE = 8, 64  # spans of lengths, the longest by the shortest
LEAST_STEPS = 8
_LARGEST_BASE, _LARGEST_STEP = 16, 64


def law(lengths: Sequence[int], counts: Sequence[int]) -> str | None:
    """ "1", "log n" or "n": the only one of these laws that the counts follow; None where that is none or several.

    Counts are constant where all are equal. Else they never fall, and are m times a step function plus c, m and c
    whole: of ceil(log_b n) for a whole base b; or, as the levels of a wider tree, of any function to which one factor
    of the length adds the same everywhere; or of ceil((n - s) / r) for a whole r and s = 0 or 1. Steps of several
    positions look like other laws where there are few of them: over less than WIDE there must be LEAST_STEPS, and
    levels of a tree take lengths over NARROW. Over four lengths only a constant and r = 1 are told from the others.
    """
    if len(lengths) < LEAST_LENGTHS or list(counts) != sorted(counts):
        return None
    if len(set(counts)) == 1:
        return CONSTANT
    span, few = lengths[-1] / lengths[0], len(lengths) <= LEAST_LENGTHS
    trees = ([_levels(n, base) for n in lengths] for base in range(2, 2 if few else _LARGEST_BASE + 1))
    logarithmic = span >= NARROW and (
        any(_multiple(counts, tree) for tree in trees) or _adds_by_factor(lengths, counts)
    )
    largest = 1 if few else _LARGEST_STEP if span >= WIDE else lengths[-1] // LEAST_STEPS
    steps = ([-((s - n) // r) for n in lengths] for r in range(1, max(1, largest) + 1) for s in (0, 1))
    linear = any(_multiple(counts, step) for step in steps)
    if logarithmic == linear:
        return None
    return LOGARITHMIC if logarithmic else LINEAR


def _levels(n: int, base: int) -> int:
    """ceil(log_base n), without rounding."""
    found, reached = 0, 1
    while reached < n:
        found, reached = found + 1, reached * base
    return found


def _multiple(counts: Sequence[int], steps: Sequence[int]) -> bool:
    """Whether the counts are a whole number times the steps, plus another one; the steps take three values or more."""
    rise, run = counts[-1] - counts[0], steps[-1] - steps[0]
    if len(set(steps)) < 3 or run <= 0 or rise <= 0 or rise % run:
        return False
    factor = rise // run
    return all(c - counts[0] == factor * (s - steps[0]) for c, s in zip(counts, steps, strict=True))


def _adds_by_factor(lengths: Sequence[int], counts: Sequence[int]) -> bool:
    """Whether some steps along the lengths multiply them by one factor and add one number, at three places or more."""
    for steps in range(1, len(lengths) // 2 + 1):
        pairs = list(zip(lengths, lengths[steps:], strict=False))
        added = {b - a for a, b in zip(counts, counts[steps:], strict=False)}
        if len(pairs) > 2 and len({Fraction(b, a) for a, b in pairs}) == 1 and len(added) == 1 and added.pop() > 0:
            return True
    return False


def exponent(sizes: Sequence[int], counts: Sequence[int]) -> tuple[float, bool] | None:
    """The exponent with which a count grows, and whether it is exact; None with less than two sizes.

    Exact where counts are one power of the size, or a polynomial in it that two points more than its degree confirm;
    then it is the polynomial's degree. Else the slope of the least-squares line through the logarithms.
    """
    if len(sizes) < 2:
        return None
    slopes = [math.log(b / a) / math.log(n / m) for (m, a), (n, b) in _neighbours(sizes, counts)]
    whole = abs(slopes[0] - round(slopes[0])) < 1e-9
    if max(slopes) - min(slopes) < 1e-9 and (whole or len(slopes) > 1):
        return (round(slopes[0]) if whole else slopes[0]), True
    degree = _degree(sizes, counts)
    if degree is not None:
        return float(degree), True
    from rnn_vs_attn import stats

    return stats.slope(sizes, counts), False


def _neighbours(sizes: Sequence[int], counts: Sequence[int]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    points = list(zip(sizes, counts, strict=True))
    return list(itertools.pairwise(points))


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

    None where one of them is not confirmed, or `ours` does not come above up to `most`.
    """
    if _degree(sizes, ours) is None or _degree(sizes, theirs) is None:
        return None
    gap = coefficients(sizes, [a - b for a, b in zip(ours, theirs, strict=True)])
    return first_above(lambda n: value_at(Fraction(n), sizes, gap) > 0, most)


def first_above(above: Callable[[int], bool], most: int) -> int | None:
    """The smallest n from 1 to `most` at which `above` holds, which stays once it does; None where it nowhere does."""
    low, high = 0, most
    if not above(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if above(middle) else (middle, high)
    return high

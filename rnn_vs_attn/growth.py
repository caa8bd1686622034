"""How counts grow with a length: exactly named laws for whole numbers, and exponents of what is counted."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

CONSTANT, LOGARITHMIC, LINEAR = "1", "log n", "n"
LEAST_LENGTHS = 4
_SHAPES: dict[str, Callable[[float], float]] = {LOGARITHMIC: math.log2, LINEAR: float}


def law(lengths: Sequence[int], counts: Sequence[int]) -> str | None:
    """ "1", "log n" or "n": the only one of these laws that the counts follow; None where that is none or several.

    Counts are constant where all are equal. They follow f, the logarithm or the length itself, where there are a and b
    with every count = a f(length) + b rounded up; and the logarithm also where one factor of the length adds the same
    number everywhere, as the levels of a tree do.
    """
    if len(lengths) < LEAST_LENGTHS:
        return None
    if len(set(counts)) == 1:
        return CONSTANT
    found = [name for name, f in _SHAPES.items() if _rounded_up([f(n) for n in lengths], counts)]
    if not found and _adds_by_factor(lengths, counts):
        return LOGARITHMIC
    return found[0] if len(found) == 1 else None


def _rounded_up(x: Sequence[float], counts: Sequence[int]) -> bool:
    """Whether some growing line through x, rounded up, gives all counts."""
    import warnings

    from scipy.optimize import linprog

    # find a > 0, b and the largest margin with count - 1 + margin <= a x + b <= count
    above = [[v, 1.0, 0.0] for v in x]
    below = [[-v, -1.0, 1.0] for v in x]
    limits = [*(float(c) for c in counts), *(1.0 - c for c in counts)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = linprog([0, 0, -1], above + below, limits, bounds=[(0, None), (None, None), (None, 1)])
    return bool(found.success and found.x[0] > 1e-9 and found.x[2] > 1e-6)


def _adds_by_factor(lengths: Sequence[int], counts: Sequence[int]) -> bool:
    """Whether some steps along the lengths multiply them by one factor and add one number, at two places or more."""
    for steps in range(1, len(lengths) - 1):
        pairs = list(zip(lengths, lengths[steps:], strict=False))
        factors = {Fraction(b, a) for a, b in pairs}
        added = {b - a for a, b in zip(counts, counts[steps:], strict=False)}
        if len(factors) == 1 and len(added) == 1 and added.pop() > 0:
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
    if max(slopes) - min(slopes) < 1e-9:
        return (round(slopes[0]) if abs(slopes[0] - round(slopes[0])) < 1e-9 else slopes[0]), True
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

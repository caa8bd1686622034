"""What a comparison can find: the smallest slowdown that the two stages of `ab` would report, by resampling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rnn_vs_attn.compare.verdicts import ALPHA, SCREEN
from rnn_vs_attn.stats import rank_tests

POWER = 0.8
_REPEATS = 500
_LARGEST = math.log(8)


@dataclass(frozen=True)
class Design:
    """How many pairs each stage has, and on how many flagged cases the second one's error rate is shared out."""

    screen: int
    confirm: int
    tests: int = 1


def detectable(differences: Sequence[float], margin: float, design: Design) -> float | None:
    """The smallest slowdown (0.05 is 5 %) found with power `POWER`, by the noise of `differences` about their centre.

    None where even one of eight times would be missed, or where there are fewer than four pairs to know the noise from.
    """
    if len(differences) < 4:
        return None
    noise = _noise(differences)
    first, second = (_draws(noise, pairs) for pairs in (design.screen, design.confirm))

    def power(shift: float) -> float:
        passed = _rejects(first + (shift - margin), SCREEN) & _rejects(second + (shift - margin), ALPHA / design.tests)
        return float(passed.mean())

    low, high = 0.0, _LARGEST
    if power(high) < POWER:
        return None
    while high - low > 0.001:
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return math.expm1(high)


def _noise(differences: Sequence[float]) -> list[float]:
    """Residuals and their mirror images, as large as those of many more pairs would be."""
    centre = rank_tests.paired_shift(differences, 0.5).centre
    scale = math.sqrt(len(differences) / (len(differences) - 1))
    left = [scale * (d - centre) for d in differences]
    return [*left, *(-d for d in left)]


def _draws(noise: Sequence[float], pairs: int) -> Any:
    import numpy

    return numpy.random.default_rng(pairs).choice(numpy.asarray(noise), (_REPEATS, pairs))


def _rejects(differences: Any, alpha: float) -> Any:
    """Of each row whether its signed-rank tail is at most alpha."""
    order = abs(differences).argsort(axis=1).argsort(axis=1) + 1
    return (order * (differences > 0)).sum(axis=1) >= _critical(differences.shape[1], alpha)


@lru_cache(maxsize=256)
def _critical(pairs: int, alpha: float) -> int:
    """The least signed-rank sum whose tail is at most alpha; beyond all of them where there is none."""
    most = pairs * (pairs + 1) // 2
    counts = rank_tests.subset_sums(tuple(range(1, pairs + 1)))
    tail, value = 0, most + 1
    while value > 0 and tail + counts[value - 1] <= alpha * 2**pairs:
        value -= 1
        tail += counts[value]
    return value

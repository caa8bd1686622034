"""The rules by which a measurement decides a claim of Table 1."""

from __future__ import annotations

from typing import Any

import pytest

from rnn_vs_attn.stats.intervals import Estimate
from rnn_vs_attn.suites.scaling import rules


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (1.9, 2.1, "holds"),
        (1.85, 2.15, "holds"),
        (1.84, 2.0, "undecided"),
        (1.0, 3.0, "undecided"),
        (1.2, 1.84, "does not hold here"),
        (2.16, 2.2, "does not hold here"),
        (None, None, "undecided"),
    ],
)
def test_an_exponent_is_judged_by_its_interval(low: float | None, high: float | None, word: str) -> None:
    assert rules.of_exponent(2, Estimate(2.0, low, high, 6)) == word


def test_growth_is_the_claimed_one_or_not() -> None:
    assert rules.of_law("n", "n") == "holds"
    assert rules.of_law("n", "log n") == "does not hold here"
    assert rules.of_law("n", None) == "undecided"


@pytest.mark.parametrize(
    ("width", "low", "high", "word"),
    [
        (64, 64, 80, "holds"),
        (64, 30, 63, "does not hold here"),
        (64, 60, 70, "undecided"),
        (64, None, None, "undecided"),
    ],
)
def test_a_crossing_is_judged_by_its_interval(width: int, low: Any, high: Any, word: str) -> None:
    assert rules.of_crossing(width, low, high) == word

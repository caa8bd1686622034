"""The rules by which a measurement decides a claim of Table 1."""

from __future__ import annotations

from typing import Any

import pytest

from rnn_vs_attn.suites.scaling import rules


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

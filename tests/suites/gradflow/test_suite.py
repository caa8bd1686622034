"""Cells of `gradflow`'s tables."""

from __future__ import annotations

import pytest
from planted_gradflow import nothing, record

from rnn_vs_attn.suites.gradflow import remarks


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([9.0] * 6, "9 [9, 9]"),
        ([127.0] * 6, "≥ 127 [≥ 127, ≥ 127]"),
        ([100.0, 100.0, 100.0, 120.0, 127.0, 127.0], "110 [100, ≥ 127]"),
        ([9.0], "9"),
    ],
)
def test_a_reach_to_the_last_distance_may_be_longer(values: list[float], text: str) -> None:
    assert remarks.reach(record("lstm", "reach", values)) == text


def test_cells_of_norms() -> None:
    deep = record("lstm", "gradient_norm_log10", [-890.3] * 6, {"distance": 127})
    assert remarks.norm(deep, narrow=False) == "5.0e-891 [5.0e-891, 5.0e-891]"
    assert remarks.norm(deep, narrow=True) == "5.0e-891"


@pytest.mark.parametrize("narrow", [False, True])
def test_a_norm_of_exactly_0_is_0(narrow: bool) -> None:
    assert remarks.norm(nothing("flows:Own", 64), narrow) == "0"


def test_an_interval_whose_lower_end_is_0_is_left_out() -> None:
    mostly = nothing("flows:Own", 64, None, -1.0, -2.0, -3.0, -4.0, -5.0, -6.0)
    assert remarks.norm(mostly, narrow=False) == "1.0e-04"

"""Exponents of time and of FLOPs, planted."""

from __future__ import annotations

import pytest
from paths import SCALES
from planted_scaling import GRID, LSTM, exact_records, only, timed

from rnn_vs_attn.suites.scaling.analysis import derive

# FLOPs, counted on the modules themselves


@pytest.mark.long
def test_work_that_grows_with_a_power_has_that_exponent() -> None:
    records = exact_records([f"{SCALES}:PowerOfLength"], [256, 512, 1024, 2048], [8])
    (found,) = (r for r in derive(records) if r.metric == "exponent" and r.axes["of"] == "flops")
    assert found.median == pytest.approx(1.5, abs=0.05)


# Times, planted


def test_exponents_of_time_are_found_over_the_upper_octaves() -> None:
    """What is constant below does not bend them."""
    records = timed(lambda m, n, d, t: 1e-9 * max(n, 200) * d**2, LSTM, *GRID, noise=0.01)
    found = derive(records)
    length = only(found, "exponent", of="forward_time", **{"in": "seq_len"})
    assert (length.axes["from"], length.axes["to"], length.axes["d_model"]) == (256, 2048, 128)
    assert length.median == pytest.approx(1, abs=0.02)
    assert only(found, "exponent", of="forward_time", **{"in": "d_model"}).median == pytest.approx(2, abs=0.02)
    assert "bent" not in length.details


def test_a_fit_that_is_not_straight_is_told() -> None:
    records = timed(lambda m, n, d, t: 1e-9 * (n + 500) * d**2, LSTM, *GRID, noise=0.01)
    assert only(derive(records), "exponent", of="forward_time", **{"in": "seq_len"}).details["bent"][0] < 0.6

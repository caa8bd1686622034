"""Exponents of time and of FLOPs, planted."""

from __future__ import annotations

import pytest
from paths import SCALES
from planted_scaling import GRID, LSTM, exact_records, only, timed, verdict

from rnn_vs_attn.suites.scaling import remarks
from rnn_vs_attn.suites.scaling.analysis import derive
from rnn_vs_attn.suites.scaling.case import LAYER, MIXING

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
    assert verdict(found, "lstm", "exponent of seq_len") == "holds"
    assert verdict(found, "lstm", "exponent of d_model") == "holds"


def test_a_fit_that_is_not_straight_is_said() -> None:
    records = timed(lambda m, n, d, t: 1e-9 * (n + 500) * d**2, LSTM, *GRID, noise=0.01)
    found = derive(records)
    assert only(found, "exponent", of="forward_time", **{"in": "seq_len"}).details["bent"][0] < 0.6
    line = next(line for line in remarks.remarks([*records, *found]) if "exponent 1 of seq_len" in line)
    assert "not straight" in line


def test_attention_is_judged_between_its_projections() -> None:
    whole = timed(lambda m, n, d, t: 1e-9 * n**1.2 * d**2, {"attention": LAYER}, *GRID)
    between = timed(lambda m, n, d, t: 1e-9 * n**2 * d, {"attention": MIXING}, *GRID)
    found = derive([*whole, *between])
    assert verdict(found, "attention", "exponent of seq_len") == "holds"
    assert verdict(derive(whole), "attention", "exponent of seq_len") == "undecided"

"""What `scaling` says in words under its tables."""

from __future__ import annotations

import dataclasses

from planted_scaling import GRID, LSTM, ROUNDS, timed, verdict

from rnn_vs_attn.suites.scaling import remarks, tables
from rnn_vs_attn.suites.scaling.analysis import derive


def test_a_model_that_no_round_came_to_is_undecided() -> None:
    found = timed(lambda m, n, d, t: 1e-9 * n * d**2, LSTM, *GRID)
    missing = dataclasses.replace(
        found[0], axes=found[0].axes | {"model": "conv"}, status="timeout", samples=[], median=None, low=None, high=None
    )
    lines = remarks.remarks([*found, *derive(found), missing])
    assert [line for line in lines if "conv" in line and "undecided" in line and "no pass was timed" in line]
    assert tables.tables([*found, *derive(found), missing])


def test_below_six_rounds_nothing_is_decided() -> None:
    records = timed(lambda m, n, d, t: 1e-9 * n * d**2, LSTM, *GRID, rounds=ROUNDS[:5])
    found = derive(records)
    assert verdict(found, "lstm", "exponent of seq_len") == "undecided"
    assert any("an interval takes 6 rounds" in line for line in remarks.remarks([*records, *found]))

"""More than two runs: a table in the order of time."""

from __future__ import annotations

from planted_runs import RULES, record, run_of

from rnn_vs_attn.compare import series


def test_more_than_two_runs_are_a_table_in_the_order_of_time() -> None:
    runs = [
        run_of(record("forward_time", [factor]), record("num_params", [5.0], unit="1", better="none"), started=started)
        for factor, started in ((0.02, "2026-03"), (0.01, "2026-01"), (0.04, "2026-02"))
    ]
    table = series.over_time(runs, ["c", "a", "b"], RULES)
    assert table.header == ["model", "seq_len", "metric", "a", "b", "c", "last ÷ first"]
    assert table.rows == [["lstm", "64", "forward_time", "10.0 ms", "40.0 ms", "20.0 ms", "2.000"]]

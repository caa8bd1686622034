"""What more threads bring, of times whose serial part is known."""

from __future__ import annotations

import pytest
from planted_scaling import only, timed

from rnn_vs_attn.suites.scaling import speed_ups
from rnn_vs_attn.suites.scaling.analysis import derive
from rnn_vs_attn.suites.scaling.case import LAYER

LSTM = {"lstm": LAYER}


def test_speed_up_efficiency_and_the_serial_fraction() -> None:
    """A fifth of the time is serial: T(p) = T (0.2 + 0.8 / p)."""
    records = timed(lambda m, n, d, t: 1e-3 * (0.2 + 0.8 / t), LSTM, [512], [64], [1, 2, 4, 8])
    found = derive(records)
    speed_up = only(found, "speed_up", of="train_time", threads=4)
    assert speed_up.median == pytest.approx(2.5)
    assert speed_up.low == pytest.approx(2.5)
    assert only(found, "efficiency", of="train_time", threads=4).median == pytest.approx(2.5 / 4)
    assert only(found, "serial_fraction", of="train_time").median == pytest.approx(0.2)
    two = derive(timed(lambda m, n, d, t: 1e-3, LSTM, [512], [64], [1, 2]))
    assert [r for r in two if r.metric == "serial_fraction"] == []


@pytest.mark.parametrize(("serial", "threads"), [(0.0, [1, 2, 4]), (1.0, [1, 2, 4]), (0.37, [1, 3, 5, 7])])
def test_amdahls_fraction_of_exact_times(serial: float, threads: list[float]) -> None:
    times = [7 * (serial + (1 - serial) / p) for p in threads]
    assert speed_ups.serial_fraction(threads, times) == pytest.approx(serial)


def test_without_a_time_with_the_fewest_threads_there_is_no_speed_up() -> None:
    """It was one over 2 threads, and was told as one over 1."""
    both = timed(lambda m, n, d, t: 1e-3 / t, LSTM, [256, 512], [64], [1, 2, 4])
    lacking = [r for r in both if (r.axes["threads"], r.axes["seq_len"]) != (1, 512)]
    assert {r.axes["seq_len"] for r in derive(lacking) if r.metric == "speed_up"} == {256}
